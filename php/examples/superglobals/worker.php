<?php

declare(strict_types=1);

// A front controller that was written for PHP-FPM, resident. Start it with: caddy run

use PhpWorker\Superglobals\FrontController;
use PhpWorker\Worker;

require is_file(__DIR__ . '/vendor/autoload.php') ? __DIR__ . '/vendor/autoload.php' : __DIR__ . '/../../autoload.php';

Worker::create()->run(new FrontController(static fn() => require __DIR__ . '/index.php', __DIR__ . '/index.php'));
