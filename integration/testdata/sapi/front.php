<?php

declare(strict_types=1);

use PhpWorker\Superglobals\FrontController;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';

Worker::create()->run(new FrontController(static fn() => require __DIR__ . '/index.php', __DIR__ . '/index.php'));
