<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

const WORKER = __DIR__ . '/fixtures/worker.php';

// Real processes, real pipes.

foreach (['fd', 'stdio', 'unix'] as $relay) {
    test("a worker answers and ends when it is asked to, over {$relay}", function () use ($relay): void {
        $server = Server::ready(WORKER, $relay);
        foreach ([1, 2, 3] as $n) {
            $answer = $server->ask('/');
            same([8, 0, 200, "request {$n}"], [$answer['flags'], $answer['stream'], $answer['status'], $answer['body']]);
            same(['Content-Type' => ['text/plain; charset=utf-8']], $answer['headers']);
        }
        $server->write(Server::end());
        same(0, $server->wait());
        contains('ended after 3', $server->log());
    });

    test("what is printed goes to the log and never between frames, over {$relay}", function () use ($relay): void {
        $server = Server::ready(WORKER, $relay);
        foreach (['/print', '/print', '/open-buffer', '/close-buffers', '/print', '/'] as $path) {
            $answer = $server->ask($path);
            same([200, $path === '/' ? 'request 6' : 'answer'], [$answer['status'], $answer['body']]);
        }
        $server->write(Server::end());
        same(0, $server->wait());
        contains("printed at boot\nnoise more noise\n[php notice] output of echo and print goes to this log, not to the client", $server->log());
        same(3, \substr_count($server->log(), 'noise more'), 'lines of noise:');
        same(1, \substr_count($server->log(), 'said once per process'));
        contains('kept back', $server->log());
        contains('printed at the end', $server->log());
        same('', $relay === 'stdio' ? '' : $server->printed());
    });

    test("bodies of any size go both ways, over {$relay}", function () use ($relay): void {
        $server = Server::ready(WORKER, $relay);
        foreach ([0, 1, 8191, 65536, 3_000_000] as $size) {
            $body = $size > 0 ? \random_bytes($size) : '';
            same("{$size} " . \md5($body), $server->ask('/length', ['method' => 'PUT'], $body)['body']);
        }
        foreach ([1, 100, 128, 129, 3000] as $kib) {
            same(\md5(\str_repeat('0123456789abcdef', $kib * 64)), \md5($server->ask("/big?kib={$kib}")['body']), "{$kib} KiB:");
        }
    });
}

test('a handler gets all of the request and the superglobals nothing', function (): void {
    $server = Server::ready(WORKER);
    $answer = $server->ask('/request?a[]=1&b=%20', [
        'method' => 'PATCH', 'remoteAddr' => '192.0.2.7', 'protocol' => 'HTTP/2.0',
        'headers' => ['X-Two' => ['1', '2']], 'cookies' => ['id' => 'ü'], 'attributes' => ['tenant' => 'blue'],
    ], 'raw bytes');
    $got = \json_decode($answer['body'], true);
    \ksort($got);
    same([
        'attributes' => ['tenant' => 'blue'], 'body' => 'raw bytes', 'clean' => true, 'cookie' => [], 'cookies' => ['id' => 'ü'],
        'files' => [], 'get' => [], 'headers' => ['x-two' => ['1', '2']], 'method' => 'PATCH', 'parsedBody' => null,
        'path' => '/request', 'post' => [], 'protocol' => 'HTTP/2.0', 'query' => ['a' => ['1'], 'b' => ' '],
        'rawQuery' => 'a[]=1&b=%20', 'remoteAddr' => '192.0.2.7', 'uri' => 'http://localhost/request?a[]=1&b=%20',
    ], $got);
});

test('a form arrives parsed, and its files can be moved', function (): void {
    $server = Server::ready(WORKER);
    $from = scratch('the content');
    $to = scratch();
    $answer = $server->ask('/move', ['method' => 'POST', 'parsed' => true, 'uploads' => ['docs' => [
        ['name' => 'a b.txt', 'mime' => 'text/plain', 'size' => 11, 'error' => 0, 'tmpName' => $from],
    ]]], \json_encode(['target' => $to]));
    same(['a b.txt', 'text/plain', 11, 'the upload "a b.txt" has been moved already'], \json_decode($answer['body'], true));
    same(['the content', false], [\file_get_contents($to), \file_exists($from)]);
});

test('what a handler throws fails its request and not the worker', function (): void {
    $server = Server::ready(WORKER);
    foreach (['/throw' => 'DomainException: the reason why', '/error' => 'ArgumentCountError', '/number' => 'returned int',
        '/unknown' => 'UnhandledMatchError', '/first-throw' => 'broke at once'] as $path => $text) {
        $answer = $server->ask($path);
        same([0x40, 0, []], [$answer['flags'], $answer['stream'], $answer['options']], "{$path}:");
        contains($text, $answer['payload']);
    }
    same('request 6', $server->ask('/')['body']);
});

test('what else a handler returns becomes the response it means', function (): void {
    $server = Server::ready(WORKER);
    $array = $server->ask('/array');
    same(['{"a":1}', ['application/json']], [$array['body'], $array['headers']['Content-Type']]);
    $null = $server->ask('/null');
    same([204, ''], [$null['status'], $null['body']]);
    $server->write(Server::request('/generator'));
    same([1, 200, 'from a generator'], \array_values(\array_intersect_key($server->read(), ['stream' => 0, 'status' => 0, 'body' => 0])));
    same(0, $server->read()['stream']);
});

test('probes are each answered, however many and whenever they come', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/') . \str_repeat(Server::probe(), 3));
    same('request 1', $server->read()['body']);
    foreach ([1, 2, 3] as $ignored) {
        $server->expectPid();
    }
    $server->write(Server::probe() . Server::request('/') . Server::probe() . Server::request('/') . Server::probe());
    $server->expectPid();
    same('request 2', $server->read()['body']);
    $server->expectPid();
    same('request 3', $server->read()['body']);
    $server->expectPid();
});

test('a request cut at any byte is answered', function (): void {
    $server = Server::ready(WORKER);
    $bytes = Server::request('/length', [], 'body') . Server::probe();
    for ($cut = 1; $cut < \strlen($bytes); $cut += 7) {
        $server->write(\substr($bytes, 0, $cut));
        $server->write(\substr($bytes, $cut));
        same('4 ' . \md5('body'), $server->read()['body']);
        $server->expectPid();
    }
});

test('a stream sends each chunk as it comes, its context once', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/stream') . Server::probe());
    $frames = [];
    do {
        $frame = $server->read();
        $frames[] = [$frame['flags'], $frame['stream'], $frame['status'], $frame['body']];
        same(1, \count($frame['options']));
    } while ($frame['stream'] !== 0);
    same([[8, 1, 200, 'one'], [8, 1, null, 'two'], [8, 1, null, 'three'], [8, 0, null, '']], $frames);
    $server->expectPid();
});

test('an empty first chunk sends the headers early', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/early'));
    $first = $server->read();
    same([1, 200, ['X-Kind' => ['early']], ''], [$first['stream'], $first['status'], $first['headers'], $first['body']]);
    same('late', $server->read()['body']);
});

test('a stream without chunks, and any stream after HEAD, is one frame', function (): void {
    $server = Server::ready(WORKER);
    foreach (['/empty-stream' => 'GET', '/endless' => 'HEAD', '/stream' => 'HEAD'] as $path => $method) {
        $answer = $server->ask($path, ['method' => $method]);
        same([0, 200, ''], [$answer['stream'], $answer['status'], $answer['body']]);
    }
});

test('a stream that fails midway ends with an error, not as if it were complete', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/late-throw') . Server::probe());
    same('good so far', $server->read()['body']);
    $last = $server->read();
    same(0x40, $last['flags']);
    contains('then it broke', $last['payload']);
    $server->expectPid();
});

/**
 * Reads chunks until the stream ends.
 */
function endOfStream(Server $server): void
{
    while (($frame = $server->read())['stream'] === 1);
    same([8, 0, ''], [$frame['flags'], $frame['stream'], $frame['body']], 'the last frame:');
}

test('a stopped stream cleans up, ends, and the worker goes on', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/endless') . Server::probe());
    foreach (["chunk 0\n", "chunk 1\n"] as $want) {
        same($want, $server->read()['body']);
    }
    lacks('cleaned up', $server->log());
    $server->write(Server::stopStream());
    endOfStream($server);
    $server->expectPid();
    contains('endless: cleaned up', $server->log());
    same('request 2', $server->ask('/')['body']);
});

test('one stream after the other can be stopped, whatever came during the first', function (): void {
    $server = Server::ready(WORKER);
    foreach ([20, 0] as $probes) {
        $server->write(Server::request('/endless') . \str_repeat(Server::probe(), $probes));
        $server->read();
        $server->write(Server::stopStream());
        endOfStream($server);
        for ($n = 0; $n < $probes; $n++) {
            $server->expectPid();
        }
    }
});

test('frames that arrive during a stream are answered after it, in order', function (): void {
    $next = Server::request('/length', [], \str_repeat('x', 70000)) . Server::probe();
    foreach ([0, 5, 12, 60000, \strlen($next)] as $early) {
        $server = Server::ready(WORKER);
        $server->write(Server::request('/endless') . Server::probe());
        $server->read();
        $server->write(Server::probe());
        $server->read();
        // The stop stands between whole frames: behind the next request only when that is complete.
        $whole = $early === \strlen($next);
        $server->write($whole ? $next . Server::stopStream() : Server::stopStream() . \substr($next, 0, $early));
        endOfStream($server);
        $server->write($whole ? '' : \substr($next, $early));
        $server->expectPid();
        $server->expectPid();
        same('70000 ' . \md5(\str_repeat('x', 70000)), $server->read()['body'], "{$early} bytes early:");
        $server->expectPid();
    }
});

test('a stop that comes after the end of its stream is ignored', function (): void {
    $server = Server::ready(WORKER);
    $server->ask('/');
    $server->write(Server::stopStream() . Server::frame(0, '', [], 0x08));
    same('request 2', $server->ask('/')['body']);
});

test('the end asked for during a stream comes after it', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/endless') . Server::end());
    $server->read();
    $server->write(Server::stopStream());
    endOfStream($server);
    same(0, $server->wait());
});

test('a generator that catches the stop does not get its way', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/stubborn') . Server::probe());
    $server->read();
    $server->write(Server::stopStream());
    while (($frame = $server->read())['stream'] === 1) {
        same('again', $frame['body']);
    }
    $server->expectPid();
    contains('stubborn: PhpWorker\StreamStopped', $server->log());
});

test('early hints go ahead of the response', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/hints') . Server::probe());
    $hint = $server->read();
    same([8, 1, 103, ['Link' => ['</a.css>; rel=preload']], ''], [$hint['flags'], $hint['stream'], $hint['status'], $hint['headers'], $hint['body']]);
    $answer = $server->read();
    same([0, 200, 'hinted'], [$answer['stream'], $answer['status'], $answer['body']]);
    $server->expectPid();
});

test('work after the response does not hold it back, and may fail', function (): void {
    $fifo = scratch();
    \posix_mkfifo($fifo, 0600);
    $server = Server::ready(WORKER, 'fd', ['FIFO' => $fifo]);
    $server->write(Server::request('/afterwards') . Server::probe());
    same('answered', $server->read()['body']);
    \file_put_contents($fifo, 'after the answer');
    $server->expectPid();
    contains('afterwards: after the answer', $server->log());
    contains('[php error] after the response: DomainException: afterwards went wrong', $server->log());
    same('request 2', $server->ask('/')['body']);
});

test('a handler that exits takes its process along, without a word on the relay', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::request('/exit') . Server::probe());
    same(null, $server->read());
    same(3, $server->reap());
});

test('a server that is gone ends the worker, whatever it was doing', function (): void {
    $half = \substr(Server::request('/'), 0, 20);
    foreach (['' => 'ended after 0', $half => 'ended after 0', Server::request('/endless') => 'endless: cleaned up'] as $bytes => $trace) {
        $server = Server::ready(WORKER);
        $server->write((string) $bytes);
        if ($trace === 'endless: cleaned up') {
            $server->read();
        }
        $server->hangUp();
        same(0, $server->reap());
        contains($trace, $server->log());
    }
});

test('text on the relay ends the worker with what it was', function (): void {
    $server = Server::ready(WORKER);
    $server->write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    same(255, $server->wait());
    contains('GET / HTTP/1.1', $server->log());
});

test('an unknown control message is logged and ignored', function (): void {
    $server = Server::ready(WORKER);
    $server->write(Server::frame(0x09, '{"dance":true}'));
    same('request 1', $server->ask('/')['body']);
    contains('[php warning] unknown control message, ignored: {"dance":true}', $server->log());
});

test('a relay that does not exist is explained', function (): void {
    foreach ([
        'carrier://pigeon' => 'unknown relay "carrier://pigeon"', 'pipes://fd/3' => 'want pipes://<in>:<out>',
        'pipes://fd/77:fd/78' => 'not open, was the script started by Caddy?', 'unix:///does/not/exist' => 'connecting: ',
    ] as $relay => $want) {
        throws(\RuntimeException::class, $want, static fn() => \PhpWorker\Relay::open($relay));
    }
});
