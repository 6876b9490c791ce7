<?php

declare(strict_types=1);

// Our own loop.

use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Worker;

require getenv('BENCH_AUTOLOAD');
require __DIR__ . '/app.php';

$app = getenv('BENCH_APP');
Bench\boot($app);
Worker::create()->run(
    fn(Request $r) => Response::text(Bench\answer($app, $r->path, fn() => $r->body)),
);
