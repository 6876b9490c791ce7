<?php

declare(strict_types=1);

// Our own loop.

use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Worker;

require getenv('BENCH_AUTOLOAD');
require __DIR__ . '/app.php';

if (in_array(Bench\APP, ['symfony', 'laravel'], true)) {
    require __DIR__ . '/frameworks.php';
    $worker = Worker::create();
    $worker->run(Bench\resident());
    exit;
}

Worker::create()->run(
    fn(Request $r) => Response::text(Bench\answer($r->path, fn() => $r->body)),
);
