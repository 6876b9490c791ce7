<?php

declare(strict_types=1);

require __DIR__ . '/../../../php/autoload.php';

PhpWorker\Worker::create()->run(new PhpWorker\Superglobals\FrontController(static fn() => require __DIR__ . '/crowd.php', __DIR__ . '/crowd.php'));
