<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

final class ExamplesTest extends TestCase
{
    private const EXAMPLES = __DIR__ . '/../examples';

    public function testHelloAnswersFromTheSameProcessAgainAndAgain(): void
    {
        $server = Server::ready(self::EXAMPLES . '/hello/worker.php');
        foreach ([1, 2] as $ignored) {
            self::assertSame("<h1>Hello from process {$server->pid}</h1>", $server->ask('/')['body']);
        }
    }

    public function testTutorial1AnOrdinaryScriptPrintsEndsAndSaysNothingOnTheRelay(): void
    {
        $server = new Server(self::EXAMPLES . '/tutorial/1-silent.php');
        self::assertSame(null, $server->read());
        self::assertSame(0, $server->reap());
        self::assertSame("Hello, I am an ordinary PHP script.\n", $server->printed());
    }

    public function testTutorial1bAScriptThatHangsHasPrintedAndIsAlive(): void
    {
        $server = new Server(self::EXAMPLES . '/tutorial/1b-hangs.php');
        $server->write(Server::probe());
        for ($limit = \microtime(true) + 10; \microtime(true) < $limit && $server->printed() === ''; \usleep(1000));
        self::assertStringContainsString('Hello, I am connecting', $server->printed());
        self::assertSame(true, \posix_kill($server->pid, 0));
    }

    public function testTutorial2AnswersOneRequestAndEnds(): void
    {
        $server = Server::ready(self::EXAMPLES . '/tutorial/2-once.php');
        $server->write(Server::request('/') . Server::probe());
        self::assertSame("Hello once from process {$server->pid}\n", $server->read()['body']);
        self::assertSame(null, $server->read());
        self::assertSame(0, $server->reap());
    }

    public function testTutorial3Counts(): void
    {
        $server = Server::ready(self::EXAMPLES . '/tutorial/3-loop.php');
        foreach ([1, 2, 3] as $n) {
            self::assertSame("Hello number {$n} from process {$server->pid}\n", $server->ask('/')['body']);
        }
    }

    public function testDemoThePageShowsAProcessThatBootsOnceAndCounts(): void
    {
        $server = Server::ready(self::EXAMPLES . '/demo/worker.php');
        $first = \json_decode($server->ask('/json')['body'], true);
        $page = $server->ask('/', ['protocol' => 'HTTP/3.0', 'headers' => ['X-Trick' => ['<script>']]]);
        $third = \json_decode($server->ask('/json')['body'], true);
        self::assertSame([$server->pid, 1, 3], [$first['pid'], $first['requests'], $third['requests']]);
        self::assertSame([$first['boot_ms'], $first['started_at']], [$third['boot_ms'], $third['started_at']]);
        self::assertSame(true, $first['boot_ms'] >= 75.0);
        self::assertSame(['text/html; charset=utf-8'], $page['headers']['Content-Type']);
        foreach (["<dd>{$server->pid}<", '<dd>2<', 'HTTP/3.0', '&lt;script&gt;', "<dd>{$first['boot_ms']} ms<"] as $want) {
            self::assertStringContainsString($want, $page['body']);
        }
        foreach (['<script>', '{{', 'http://fonts', 'https://'] as $unwanted) {
            self::assertStringNotContainsString($unwanted, $page['body']);
        }
    }

    public function testDemoTheFormComesBackEscapedWithTheDigestOfTheFile(): void
    {
        $server = Server::ready(self::EXAMPLES . '/demo/worker.php');
        $file = Scratch::path('some content');
        $answer = $server->ask('/', ['method' => 'POST', 'parsed' => true, 'uploads' => ['file' => [
            'name' => '"><img src=x>.txt', 'mime' => 'text/plain', 'size' => 12, 'error' => 0, 'tmpName' => $file,
        ]]], '{"text":"<b>\'bold\'</b>"}');
        foreach (['&lt;b&gt;&apos;bold&apos;&lt;/b&gt;', '&quot;&gt;&lt;img src=x&gt;.txt', '12 bytes', \hash('sha256', 'some content')] as $want) {
            self::assertStringContainsString($want, $answer['body']);
        }
        self::assertStringNotContainsString('<img', $answer['body']);
        foreach ([[], ['file' => ['name' => '', 'mime' => '', 'size' => 0, 'error' => 4, 'tmpName' => '']]] as $uploads) {
            self::assertStringContainsString('<th scope="row">file</th><td class="mono">none</td>', $server->ask('/', [
                'method' => 'POST', 'parsed' => true, 'uploads' => $uploads,
            ], '{"text":["not","a","text"]}')['body']);
        }
    }

    public function testDemoAnUnknownPageIs404ACrashTakesOneProcess(): void
    {
        $server = Server::ready(self::EXAMPLES . '/demo/worker.php');
        $answer = $server->ask('/<nowhere>');
        self::assertSame(404, $answer['status']);
        self::assertStringContainsString('/&lt;nowhere&gt;', $answer['body']);
        $server->write(Server::request('/crash'));
        self::assertSame(null, $server->read());
        self::assertSame(1, $server->reap());
    }

    public function testDemoTheClockIsAStreamOfEventsOrOfLinesAndNotesItsEnd(): void
    {
        foreach (['text/event-stream' => 'data: ', '*/*' => ''] as $accept => $prefix) {
            $server = Server::ready(self::EXAMPLES . '/demo/worker.php');
            $server->write(Server::request('/stream', ['headers' => ['Accept' => [$accept]]]));
            $first = $server->read();
            self::assertSame(1, $first['stream']);
            self::assertSame(1, \preg_match("~^{$prefix}\\d\\d:\\d\\d:\\d\\d  tick 1 of 30 from process {$server->pid}\n~", $first['body']), $first['body']);
            $server->write(Server::stopStream());
            $server->endOfStream();
            self::assertStringContainsString('stream: ended at tick 2', $server->log());
        }
    }

    /**
     * Starts the services; ended with the tests. Their calls can be read from the first value.
     *
     * @return array{resource, array<string, string>}
     */
    private static function services(): array
    {
        $process = \proc_open([\PHP_BINARY, __DIR__ . '/fixtures/services.php'], [1 => ['pipe', 'w']], $pipes);
        $address = 'http://' . \trim(\fgets($pipes[1]));
        \stream_set_blocking($pipes[1], false);
        // Holds on to the process: PHP would wait for its end where the last reference goes.
        \register_shutdown_function(static fn() => \proc_terminate($process));

        return [$pipes[1], ['VAULT_ADDR' => $address, 'VAULT_TOKEN' => 's.token', 'FLIPT_URL' => "{$address}/"]];
    }

    public function testBootHeavyAsksItsServicesOnceAndFollowsTheFlagWithTheNextResponse(): void
    {
        [$calls, $env] = self::services();
        $flags = Scratch::path('{"shout": false}');
        $server = Server::ready(self::EXAMPLES . '/boot-heavy/worker.php', 'fd', $env + ['FLAG_FILE' => $flags]);
        $times = [];
        for ($n = 0; $n < 20; $n++) {
            $shout = $n % 2 === 1;
            \file_put_contents($flags, \json_encode(['shout' => $shout]));
            $start = \hrtime(true);
            $answer = $server->ask('/');
            $times[] = (\hrtime(true) - $start) / 1e6;
            self::assertSame($shout ? "HELLO FROM THE VAULT!\n" : "hello from the vault\n", $answer['body']);
        }
        \unlink($flags);
        self::assertSame("HELLO FROM THE VAULT!\n", $server->ask('/')['body'], 'without the file the flag stays:');
        self::assertSame("GET /v1/secret/data/app HTTP/1.1\nPOST /evaluate/v1/boolean HTTP/1.1\n", \stream_get_contents($calls));
        \sort($times);
        $boot = (float) $answer['headers']['X-Boot-Ms'][0];
        self::assertSame(true, $boot >= 70.0 && $times[10] < $boot / 10, "boot {$boot} ms, median {$times[10]} ms:");
    }

    public function testBootHeavyTheSameApplicationAnswersWithoutAWorker(): void
    {
        [$calls, $env] = self::services();
        $run = \proc_open([\PHP_BINARY, self::EXAMPLES . '/boot-heavy/index.php'], [1 => ['pipe', 'w']], $pipes, null, $env + \getenv());
        self::assertSame("hello from the vault\n", \stream_get_contents($pipes[1]));
        self::assertSame(2, \substr_count(\stream_get_contents($calls), 'HTTP/1.1'));
        \proc_close($run);
    }

    public function testBootHeavyAServiceThatRefusesEndsTheBootWithItsAnswer(): void
    {
        [, $env] = self::services();
        $server = new Server(self::EXAMPLES . '/boot-heavy/worker.php', 'fd', ['VAULT_TOKEN' => 'wrong'] + $env);
        self::assertSame(255, $server->wait());
        self::assertStringContainsString('/v1/secret/data/app: ', $server->log());
        self::assertStringContainsString('403 Forbidden', $server->log());
    }
}
