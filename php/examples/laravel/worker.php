<?php

declare(strict_types=1);

// A Laravel application. Start it with: caddy run

use PhpWorker\Laravel\KernelHandler;
use PhpWorker\Worker;

require __DIR__ . '/autoload.php';

$worker = Worker::create();
$worker->run(new KernelHandler(require __DIR__ . '/bootstrap/app.php'));
