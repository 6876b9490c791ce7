<?php

declare(strict_types=1);

// The traffic's application behind our own loop.

use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';
require __DIR__ . '/app.php';

Worker::create()->run(static function (Request $request, Exchange $exchange): Response {
    $done = (new Asked($request->method, $request->query, $request->body))->carryOut();
    if ($done->error !== null) {
        throw new RuntimeException($done->error);
    }
    if ($done->after !== null) {
        $exchange->afterwards($done->after);
    }

    return new Response(200, $done->headers, $done->body);
});
