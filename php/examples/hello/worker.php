<?php

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

use PhpWorker\Request;
use PhpWorker\Worker;

$worker = Worker::create();

// Everything up to here happens once per process, what follows once per request.
$worker->run(fn(Request $request): string => '<h1>Hello from process ' . getmypid() . '</h1>');
