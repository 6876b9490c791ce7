<?php

declare(strict_types=1);

// A Slim 3 application. Start it with: caddy run
//
// Slim 4 is a PSR-15 handler: new Handler($app).

use PhpWorker\Psr\Handler;
use PhpWorker\Worker;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Slim\App;

require __DIR__ . '/autoload.php';

$worker = Worker::create();

$app = new App(['settings' => ['addContentLengthHeader' => false, 'displayErrorDetails' => false]]);
$served = 0;

$app->get('/', function (ServerRequestInterface $request, ResponseInterface $response) use (&$served): ResponseInterface {
    $response->getBody()->write('Request ' . ++$served . ' of process ' . getmypid() . "\n");

    return $response;
});
$app->map(['GET', 'POST'], '/hello/{name}', function (ServerRequestInterface $request, ResponseInterface $response, array $args): ResponseInterface {
    $response->getBody()->write("Hello, {$args['name']}! " . json_encode($request->getParsedBody()) . "\n");

    return $response->withHeader('Content-Type', 'text/plain');
});
$app->get('/fail', fn() => throw new DomainException('the reason, which the client is not told'));

$worker->run(new Handler(static fn(ServerRequestInterface $request): ResponseInterface => $app->process($request, new Slim\Http\Response())));
