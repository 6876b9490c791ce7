<?php

// Step 2: a worker that answers one request and ends. It works, and the process
// id changes with every request: each one pays for a new process.

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

use PhpWorker\Response;
use PhpWorker\Worker;

$worker = Worker::create();

$worker->once(fn(): Response => Response::text('Hello once from process ' . getmypid() . "\n"));
