<?php

declare(strict_types=1);

// FrankenPHP's worker mode, for FrankenPHP and for us.

// Or a client that hangs up ends the script.
ignore_user_abort(true);

require __DIR__ . '/app.php';

if (in_array(Bench\APP, ['symfony', 'laravel'], true)) {
    require __DIR__ . '/frameworks.php';
    $kernel = Bench\kernel();
    $handler = static fn() => Bench\handle($kernel);
} else {
    $handler = static function (): void {
        header('Content-Type: text/plain');
        echo Bench\answer($_SERVER['REQUEST_URI'], fn() => file_get_contents('php://input'));
    };
}
while (frankenphp_handle_request($handler)) {
}
