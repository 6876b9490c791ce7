<?php

declare(strict_types=1);

// The unmodified RoadRunner packages, for RoadRunner and for us.

use Nyholm\Psr7\Factory\Psr17Factory;
use Nyholm\Psr7\Response;
use Spiral\RoadRunner\Http\PSR7Worker;
use Spiral\RoadRunner\Worker;

require getenv('BENCH_AUTOLOAD');
require __DIR__ . '/app.php';

$factory = new Psr17Factory();
$psr7 = new PSR7Worker(Worker::create(), $factory, $factory, $factory);
while ($request = $psr7->waitRequest()) {
    $body = Bench\answer($request->getUri()->getPath(), fn() => (string) $request->getBody());
    $psr7->respond(new Response(200, ['Content-Type' => 'text/plain'], $body));
}
