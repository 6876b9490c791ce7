<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

const EXAMPLES = __DIR__ . '/../examples';

test('hello: answers from the same process again and again', function (): void {
    $server = Server::ready(EXAMPLES . '/hello/worker.php');
    foreach ([1, 2] as $ignored) {
        same("<h1>Hello from process {$server->pid}</h1>", $server->ask('/')['body']);
    }
});

test('tutorial 1: an ordinary script prints, ends, and says nothing on the relay', function (): void {
    $server = new Server(EXAMPLES . '/tutorial/1-silent.php');
    same(null, $server->read());
    same(0, $server->reap());
    same("Hello, I am an ordinary PHP script.\n", $server->printed());
});

test('tutorial 1b: a script that hangs has printed and is alive', function (): void {
    $server = new Server(EXAMPLES . '/tutorial/1b-hangs.php');
    $server->write(Server::probe());
    for ($limit = \microtime(true) + 10; \microtime(true) < $limit && $server->printed() === ''; \usleep(1000));
    contains('Hello, I am connecting', $server->printed());
    same(true, \posix_kill($server->pid, 0));
});

test('tutorial 2: answers one request and ends', function (): void {
    $server = Server::ready(EXAMPLES . '/tutorial/2-once.php');
    $server->write(Server::request('/') . Server::probe());
    same("Hello once from process {$server->pid}\n", $server->read()['body']);
    same(null, $server->read());
    same(0, $server->reap());
});

test('tutorial 3: counts', function (): void {
    $server = Server::ready(EXAMPLES . '/tutorial/3-loop.php');
    foreach ([1, 2, 3] as $n) {
        same("Hello number {$n} from process {$server->pid}\n", $server->ask('/')['body']);
    }
});

test('demo: the page shows a process that boots once and counts', function (): void {
    $server = Server::ready(EXAMPLES . '/demo/worker.php');
    $first = \json_decode($server->ask('/json')['body'], true);
    $page = $server->ask('/', ['protocol' => 'HTTP/3.0', 'headers' => ['X-Trick' => ['<script>']]]);
    $third = \json_decode($server->ask('/json')['body'], true);
    same([$server->pid, 1, 3], [$first['pid'], $first['requests'], $third['requests']]);
    same([$first['boot_ms'], $first['started_at']], [$third['boot_ms'], $third['started_at']]);
    same(true, $first['boot_ms'] >= 75.0);
    same(['text/html; charset=utf-8'], $page['headers']['Content-Type']);
    foreach (["<dd>{$server->pid}<", '<dd>2<', 'HTTP/3.0', '&lt;script&gt;', "<dd>{$first['boot_ms']} ms<"] as $want) {
        contains($want, $page['body']);
    }
    foreach (['<script>', '{{', 'http://fonts', 'https://'] as $unwanted) {
        lacks($unwanted, $page['body']);
    }
});

test('demo: the form comes back escaped, with the digest of the file', function (): void {
    $server = Server::ready(EXAMPLES . '/demo/worker.php');
    $file = scratch('some content');
    $answer = $server->ask('/', ['method' => 'POST', 'parsed' => true, 'uploads' => ['file' => [
        'name' => '"><img src=x>.txt', 'mime' => 'text/plain', 'size' => 12, 'error' => 0, 'tmpName' => $file,
    ]]], '{"text":"<b>\'bold\'</b>"}');
    foreach (['&lt;b&gt;&apos;bold&apos;&lt;/b&gt;', '&quot;&gt;&lt;img src=x&gt;.txt', '12 bytes', \hash('sha256', 'some content')] as $want) {
        contains($want, $answer['body']);
    }
    lacks('<img', $answer['body']);
    foreach ([[], ['file' => ['name' => '', 'mime' => '', 'size' => 0, 'error' => 4, 'tmpName' => '']]] as $uploads) {
        contains('<th scope="row">file</th><td class="mono">none</td>', $server->ask('/', [
            'method' => 'POST', 'parsed' => true, 'uploads' => $uploads,
        ], '{"text":["not","a","text"]}')['body']);
    }
});

test('demo: an unknown page is 404, a crash takes one process', function (): void {
    $server = Server::ready(EXAMPLES . '/demo/worker.php');
    $answer = $server->ask('/<nowhere>');
    same(404, $answer['status']);
    contains('/&lt;nowhere&gt;', $answer['body']);
    $server->write(Server::request('/crash'));
    same(null, $server->read());
    same(1, $server->reap());
});

test('demo: the clock is a stream of events, or of lines, and notes its end', function (): void {
    foreach (['text/event-stream' => 'data: ', '*/*' => ''] as $accept => $prefix) {
        $server = Server::ready(EXAMPLES . '/demo/worker.php');
        $server->write(Server::request('/stream', ['headers' => ['Accept' => [$accept]]]));
        $first = $server->read();
        same(1, $first['stream']);
        same(1, \preg_match("~^{$prefix}\\d\\d:\\d\\d:\\d\\d  tick 1 of 30 from process {$server->pid}\n~", $first['body']), $first['body']);
        $server->write(Server::stopStream());
        endOfStream($server);
        contains('stream: ended at tick 2', $server->log());
    }
});

/**
 * Starts the services; ended with the tests. Their calls can be read from the first value.
 *
 * @return array{resource, array<string, string>}
 */
function services(): array
{
    $process = \proc_open([\PHP_BINARY, __DIR__ . '/fixtures/services.php'], [1 => ['pipe', 'w']], $pipes);
    $address = 'http://' . \trim(\fgets($pipes[1]));
    \stream_set_blocking($pipes[1], false);
    // Holds on to the process: PHP would wait for its end where the last reference goes.
    \register_shutdown_function(static fn() => \proc_terminate($process));

    return [$pipes[1], ['VAULT_ADDR' => $address, 'VAULT_TOKEN' => 's.token', 'FLIPT_URL' => "{$address}/"]];
}

test('boot-heavy: asks its services once, and follows the flag with the next response', function (): void {
    [$calls, $env] = services();
    $flags = scratch('{"shout": false}');
    $server = Server::ready(EXAMPLES . '/boot-heavy/worker.php', 'fd', $env + ['FLAG_FILE' => $flags]);
    $times = [];
    for ($n = 0; $n < 20; $n++) {
        $shout = $n % 2 === 1;
        \file_put_contents($flags, \json_encode(['shout' => $shout]));
        $start = \hrtime(true);
        $answer = $server->ask('/');
        $times[] = (\hrtime(true) - $start) / 1e6;
        same($shout ? "HELLO FROM THE VAULT!\n" : "hello from the vault\n", $answer['body']);
    }
    \unlink($flags);
    same("HELLO FROM THE VAULT!\n", $server->ask('/')['body'], 'without the file the flag stays:');
    same("GET /v1/secret/data/app HTTP/1.1\nPOST /evaluate/v1/boolean HTTP/1.1\n", \stream_get_contents($calls));
    \sort($times);
    $boot = (float) $answer['headers']['X-Boot-Ms'][0];
    same(true, $boot >= 70.0 && $times[10] < $boot / 10, "boot {$boot} ms, median {$times[10]} ms:");
});

test('boot-heavy: the same application answers without a worker', function (): void {
    [$calls, $env] = services();
    $run = \proc_open([\PHP_BINARY, EXAMPLES . '/boot-heavy/index.php'], [1 => ['pipe', 'w']], $pipes, null, $env + \getenv());
    same("hello from the vault\n", \stream_get_contents($pipes[1]));
    same(2, \substr_count(\stream_get_contents($calls), 'HTTP/1.1'));
    \proc_close($run);
});

test('boot-heavy: a service that refuses ends the boot with its answer', function (): void {
    [, $env] = services();
    $server = new Server(EXAMPLES . '/boot-heavy/worker.php', 'fd', ['VAULT_TOKEN' => 'wrong'] + $env);
    same(255, $server->wait());
    contains('/v1/secret/data/app: ', $server->log());
    contains('403 Forbidden', $server->log());
});
