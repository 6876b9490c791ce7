<?php

declare(strict_types=1);

// The traffic's application behind our own loop, but every tenth time it does what
// LIE names: whoever judges the traffic must find out.

use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';
require __DIR__ . '/app.php';

$lie = getenv('LIE');
if ($lie === 'notes nothing') {
    putenv('JOURNAL=/dev/null');
}
$served = 0;
$last = null;

Worker::create()->run(static function (Request $request, Exchange $exchange) use ($lie, &$served, &$last): Response {
    $now = ++$served % 10 === 0 ? $lie : '';
    if ($now === 'leaves') {
        exit(3);
    }
    $asked = new Asked($request->method, $request->query, $request->body);
    $done = $asked->carryOut();
    if ($now === 'works twice' && $done->after === null) {
        $asked->carryOut();
    }
    if ($now === 'works for nobody') {
        Journal::note('begun', 'nobody', 'GET');
    }
    if ($done->error !== null) {
        throw new RuntimeException($done->error);
    }
    if ($done->after !== null && $lie !== 'forgets') {
        $exchange->afterwards($done->after);
    }
    if ($done->body instanceof Generator) {
        return new Response(200, $done->headers, $lie !== 'leaves a stream' ? $done->body : (static function (Generator $chunks): Generator {
            yield $chunks->current();
            exit(3);
        })($done->body));
    }
    $answer = new Response(200, $done->headers, $done->body);
    if ($now === 'mixes' && $last !== null) {
        return $last;
    }

    return $last = $answer;
});
