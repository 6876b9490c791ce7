<?php

declare(strict_types=1);

// What a PSR-15 application may do with uploaded files.

use Nyholm\Psr7\Response;
use PhpWorker\Exchange;
use PhpWorker\Psr\Handler;
use PhpWorker\Worker;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;

require __DIR__ . '/../../../php/examples/psr15/autoload.php';

$worker = Worker::create();
$kept = null;

$worker->run(new Handler(static function (ServerRequestInterface $request) use (&$kept): ResponseInterface {
    switch ($request->getUri()->getPath()) {
        case '/cycle':
            $garbage = new stdClass();
            $garbage->itself = $garbage;
            $garbage->request = $request;

            return new Response(200, [], (string) count(scandir('/proc/self/fd')));
        case '/afterwards':
            $request->getAttribute(Exchange::class)->afterwards(static function () use ($request, &$kept): void {
                $kept = (string) $request->getUploadedFiles()['file']->getStream();
            });

            return new Response(200, [], 'answered');
        default:
            return new Response(200, [], (string) $kept);
    }
}));
