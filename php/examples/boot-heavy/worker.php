<?php

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';
require __DIR__ . '/app.php';

use PhpWorker\Response;
use PhpWorker\Worker;

$worker = Worker::create();
$app = App::boot(getenv());

$worker->run(fn(): Response => Response::text($app->answer(), 200, [
    'X-Worker-Pid' => (string) getmypid(),
    'X-Boot-Ms' => sprintf('%.1f', $app->bootMilliseconds),
]));
