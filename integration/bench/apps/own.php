<?php

declare(strict_types=1);

// Our own loop.

use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Worker;

require getenv('BENCH_AUTOLOAD');
require __DIR__ . '/app.php';

Worker::create()->run(
    fn(Request $r) => Response::text(Bench\answer($r->path, fn() => $r->body)),
);
