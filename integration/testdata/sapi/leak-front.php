<?php

declare(strict_types=1);

require __DIR__ . '/../../../php/autoload.php';

$worker = PhpWorker\Worker::create();
$worker->run(new PhpWorker\Superglobals\FrontController(require __DIR__ . '/leak.php'));
