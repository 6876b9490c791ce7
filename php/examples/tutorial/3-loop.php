<?php

// Step 3: the loop. The process stays, and so does everything it has built.

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

use PhpWorker\Response;
use PhpWorker\Worker;

$worker = Worker::create();
$served = 0;

$worker->run(function () use (&$served): Response {
    $served++;

    return Response::text("Hello number {$served} from process " . getmypid() . "\n");
});
