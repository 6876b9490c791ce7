<?php

declare(strict_types=1);

// A front controller for PHP-FPM, resident.

use PhpWorker\Superglobals\FrontController;
use PhpWorker\Worker;

require getenv('BENCH_AUTOLOAD');
require __DIR__ . '/app.php';

if (in_array(Bench\APP, ['symfony', 'laravel'], true)) {
    require __DIR__ . '/frameworks.php';
    $kernel = Bench\kernel();
    $front = static fn() => Bench\handle($kernel);
} else {
    $front = static function (): void {
        header('Content-Type: text/plain');
        echo Bench\answer($_SERVER['REQUEST_URI'], fn() => file_get_contents('php://input'));
    };
}
Worker::create()->run(new FrontController($front));
