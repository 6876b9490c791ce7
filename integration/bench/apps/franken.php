<?php

declare(strict_types=1);

// FrankenPHP's worker mode.

// Or a client that hangs up ends the script.
ignore_user_abort(true);

require __DIR__ . '/app.php';

$handler = static function (): void {
    header('Content-Type: text/plain');
    echo Bench\answer($_SERVER['REQUEST_URI'], fn() => file_get_contents('php://input'));
};
while (frankenphp_handle_request($handler)) {
}
