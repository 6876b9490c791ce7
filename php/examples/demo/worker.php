<?php

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';
require __DIR__ . '/Template.php';
require __DIR__ . '/Demo.php';

use PhpWorker\Worker;

$worker = Worker::create();
$demo = Demo::boot(__DIR__ . '/page.html');

$worker->run($demo->handle(...));
