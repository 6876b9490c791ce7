<?php

declare(strict_types=1);

// FrankenPHP's worker mode.

require __DIR__ . '/app.php';

$app = getenv('BENCH_APP') ?: $_SERVER['BENCH_APP'];
Bench\boot($app);
$handler = static function () use ($app): void {
    header('Content-Type: text/plain');
    echo Bench\answer($app, $_SERVER['REQUEST_URI'], fn() => file_get_contents('php://input'));
};
while (frankenphp_handle_request($handler)) {
}
