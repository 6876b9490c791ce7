<?php

declare(strict_types=1);

// Symfony behind PSR-7 objects and Symfony's bridge, as the RoadRunner runtimes have it, on our own loop.

use Nyholm\Psr7\Factory\Psr17Factory;
use PhpWorker\Psr\Handler;
use PhpWorker\Worker;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Symfony\Bridge\PsrHttpMessage\Factory\HttpFoundationFactory;
use Symfony\Bridge\PsrHttpMessage\Factory\PsrHttpFactory;

require getenv('BENCH_AUTOLOAD');
require getenv('BENCH_BRIDGE');
require __DIR__ . '/app.php';
require __DIR__ . '/frameworks.php';

$kernel = Bench\symfony();
$kernel->boot();
$toSymfony = new HttpFoundationFactory();
$factory = new Psr17Factory();
$toPsr = new PsrHttpFactory($factory, $factory, $factory, $factory);

Worker::create()->run(new Handler(static function (ServerRequestInterface $psr) use ($kernel, $toSymfony, $toPsr): ResponseInterface {
    $request = $toSymfony->createRequest($psr);
    $response = $kernel->handle($request);
    $answer = $toPsr->createResponse($response);
    $psr->getAttribute(PhpWorker\Exchange::class)->afterwards(static fn() => $kernel->terminate($request, $response));

    return $answer;
}));
