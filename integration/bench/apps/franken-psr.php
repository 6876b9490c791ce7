<?php

declare(strict_types=1);

// FrankenPHP's worker mode with PSR-7 objects.

// Or a client that hangs up ends the script.
ignore_user_abort(true);

require __DIR__ . '/app.php';
require __DIR__ . '/superglobals.php';

$factory = new Nyholm\Psr7\Factory\Psr17Factory();
$handler = static function () use ($factory): void {
    Bench\serve($factory);
};
while (frankenphp_handle_request($handler)) {
}
