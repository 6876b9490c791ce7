<?php

declare(strict_types=1);

// The visits behind our package, with objects.

use PhpWorker\Request;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';
$worker = Worker::create();
require __DIR__ . '/visits.php';
$worker->run(static fn(Request $request): string => visit($request->path, $request->query));
