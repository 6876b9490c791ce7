<?php

declare(strict_types=1);

// The traffic's application behind the unmodified RoadRunner packages.

use Nyholm\Psr7\Factory\Psr17Factory;
use Spiral\RoadRunner\Http\HttpWorker;
use Spiral\RoadRunner\Http\PSR7Worker;
use Spiral\RoadRunner\Worker;

require getenv('PHP_VENDOR_DIR') . '/vendor/autoload.php';
require __DIR__ . '/app.php';

$worker = Worker::create();
$http = new HttpWorker($worker);
$factory = new Psr17Factory();
$psr7 = new PSR7Worker($worker, $factory, $factory, $factory);
$streams = method_exists($http, 'respondStream') && (new ReflectionMethod($http, 'respondStream'))->isPublic();

while ($request = $psr7->waitRequest()) {
    $done = (new Asked($request->getMethod(), $request->getQueryParams(), (string) $request->getBody()))->carryOut();
    match (true) {
        $done->error !== null => $worker->error($done->error),
        $done->body instanceof Generator && $streams => $http->respondStream(200, $done->body, $done->headers), // 2.x
        default => $http->respond(200, $done->body, $done->headers),
    };
    if ($done->after !== null) {
        ($done->after)();
    }
}
