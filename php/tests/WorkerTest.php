<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

final class WorkerTest extends TestCase
{
    private const WORKER = __DIR__ . '/fixtures/worker.php';

    /**
     * @dataProvider relays
     */
    public function testAWorkerAnswersAndEndsWhenItIsAskedTo(string $relay): void
    {
        $server = Server::ready(self::WORKER, $relay);
        foreach ([1, 2, 3] as $n) {
            $answer = $server->ask('/');
            self::assertSame([8, 0, 200, "request {$n}"], [$answer['flags'], $answer['stream'], $answer['status'], $answer['body']]);
            self::assertSame(['Content-Type' => ['text/plain; charset=utf-8']], $answer['headers']);
        }
        $server->write(Server::end());
        self::assertSame(0, $server->wait());
        self::assertStringContainsString('ended after 3', $server->log());
    }

    /**
     * @dataProvider relays
     */
    public function testWhatIsPrintedGoesToTheLogAndNeverBetweenFrames(string $relay): void
    {
        $server = Server::ready(self::WORKER, $relay);
        foreach (['/print', '/print', '/open-buffer', '/close-buffers', '/print', '/'] as $path) {
            $answer = $server->ask($path);
            self::assertSame([200, $path === '/' ? 'request 6' : 'answer'], [$answer['status'], $answer['body']]);
        }
        $server->write(Server::end());
        self::assertSame(0, $server->wait());
        self::assertStringContainsString("printed at boot\nnoise more noise\n[php notice] output of echo and print goes to this log, not to the client", $server->log());
        self::assertSame(3, \substr_count($server->log(), 'noise more'), 'lines of noise:');
        self::assertSame(1, \substr_count($server->log(), 'said once per process'));
        self::assertStringContainsString('kept back', $server->log());
        self::assertStringContainsString('printed at the end', $server->log());
        self::assertSame('', $relay === 'stdio' ? '' : $server->printed());
    }

    /**
     * @dataProvider relays
     */
    public function testBodiesOfAnySizeGoBothWays(string $relay): void
    {
        $server = Server::ready(self::WORKER, $relay);
        foreach ([0, 1, 8191, 65536, 3_000_000] as $size) {
            $body = $size > 0 ? \random_bytes($size) : '';
            self::assertSame("{$size} " . \md5($body), $server->ask('/length', ['method' => 'PUT'], $body)['body']);
        }
        foreach ([1, 100, 128, 129, 3000] as $kib) {
            self::assertSame(\md5(\str_repeat('0123456789abcdef', $kib * 64)), \md5($server->ask("/big?kib={$kib}")['body']), "{$kib} KiB:");
        }
    }

    /**
     * @return array<string, array{string}>
     */
    public static function relays(): array
    {
        return ['fd' => ['fd'], 'stdio' => ['stdio'], 'unix' => ['unix']];
    }

    public function testAHandlerGetsAllOfTheRequestAndTheSuperglobalsButItsCookies(): void
    {
        $server = Server::ready(self::WORKER);
        $answer = $server->ask('/request?a[]=1&b=%20', [
            'method' => 'PATCH', 'remoteAddr' => '192.0.2.7', 'protocol' => 'HTTP/2.0',
            'headers' => ['X-Two' => ['1', '2']], 'cookies' => ['id' => 'ü'], 'attributes' => ['tenant' => 'blue'],
        ], 'raw bytes');
        $got = \json_decode($answer['body'], true);
        \ksort($got);
        self::assertSame([
            'attributes' => ['tenant' => 'blue'], 'body' => 'raw bytes', 'clean' => true, 'cookie' => ['id' => 'ü'], 'cookies' => ['id' => 'ü'],
            'files' => [], 'formText' => '', 'get' => [], 'headers' => ['x-two' => ['1', '2']], 'method' => 'PATCH', 'parsedBody' => null,
            'path' => '/request', 'post' => [], 'protocol' => 'HTTP/2.0', 'query' => ['a' => ['1'], 'b' => ' '],
            'rawQuery' => 'a[]=1&b=%20', 'remoteAddr' => '192.0.2.7', 'uri' => 'http://localhost/request?a[]=1&b=%20',
        ], $got);
    }

    public function testAFormArrivesParsedAndItsFilesCanBeMoved(): void
    {
        $server = Server::ready(self::WORKER);
        $from = Scratch::path('the content');
        $to = Scratch::path();
        $answer = $server->ask('/move', ['method' => 'POST', 'parsed' => true, 'uploads' => ['docs' => [
            ['name' => 'a b.txt', 'mime' => 'text/plain', 'size' => 11, 'error' => 0, 'tmpName' => $from],
        ]]], \json_encode(['target' => $to]));
        self::assertSame(['a b.txt', 'text/plain', 11, 'the upload "a b.txt" has been moved already'], \json_decode($answer['body'], true));
        self::assertSame(['the content', false], [\file_get_contents($to), \file_exists($from)]);
    }

    public function testWhatAHandlerThrowsFailsItsRequestAndNotTheWorker(): void
    {
        $server = Server::ready(self::WORKER);
        foreach (['/throw' => 'DomainException: the reason why', '/error' => 'ArgumentCountError', '/number' => 'returned int',
            '/unknown' => 'UnhandledMatchError', '/first-throw' => 'broke at once'] as $path => $text) {
            $answer = $server->ask($path);
            self::assertSame([0x40, 0, []], [$answer['flags'], $answer['stream'], $answer['options']], "{$path}:");
            self::assertStringContainsString($text, $answer['payload']);
        }
        self::assertSame('request 6', $server->ask('/')['body']);
    }

    public function testWhatElseAHandlerReturnsBecomesTheResponseItMeans(): void
    {
        $server = Server::ready(self::WORKER);
        $array = $server->ask('/array');
        self::assertSame(['{"a":1}', ['application/json']], [$array['body'], $array['headers']['Content-Type']]);
        $null = $server->ask('/null');
        self::assertSame([204, ''], [$null['status'], $null['body']]);
        $server->write(Server::request('/generator'));
        self::assertSame([1, 200, 'from a generator'], \array_values(\array_intersect_key($server->read(), ['stream' => 0, 'status' => 0, 'body' => 0])));
        self::assertSame(0, $server->read()['stream']);
    }

    public function testProbesAreEachAnsweredHoweverManyAndWheneverTheyCome(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/') . \str_repeat(Server::probe(), 3));
        self::assertSame('request 1', $server->read()['body']);
        foreach ([1, 2, 3] as $ignored) {
            $server->expectPid();
        }
        $server->write(Server::probe() . Server::request('/') . Server::probe() . Server::request('/') . Server::probe());
        $server->expectPid();
        self::assertSame('request 2', $server->read()['body']);
        $server->expectPid();
        self::assertSame('request 3', $server->read()['body']);
        $server->expectPid();
    }

    public function testARequestCutAtAnyByteIsAnswered(): void
    {
        $server = Server::ready(self::WORKER);
        $bytes = Server::request('/length', [], 'body') . Server::probe();
        for ($cut = 1; $cut < \strlen($bytes); $cut += 7) {
            $server->write(\substr($bytes, 0, $cut));
            $server->write(\substr($bytes, $cut));
            self::assertSame('4 ' . \md5('body'), $server->read()['body']);
            $server->expectPid();
        }
    }

    public function testAStreamSendsEachChunkAsItComesItsContextOnce(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/stream') . Server::probe());
        $frames = [];
        do {
            $frame = $server->read();
            $frames[] = [$frame['flags'], $frame['stream'], $frame['status'], $frame['body']];
            self::assertSame(1, \count($frame['options']));
        } while ($frame['stream'] !== 0);
        self::assertSame([[8, 1, 200, 'one'], [8, 1, null, 'two'], [8, 1, null, 'three'], [8, 0, null, '']], $frames);
        $server->expectPid();
    }

    public function testAnEmptyFirstChunkSendsTheHeadersEarly(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/early'));
        $first = $server->read();
        self::assertSame([1, 200, ['X-Kind' => ['early']], ''], [$first['stream'], $first['status'], $first['headers'], $first['body']]);
        self::assertSame('late', $server->read()['body']);
    }

    public function testAStreamWithoutChunksAndAnyStreamAfterHEADIsOneFrame(): void
    {
        $server = Server::ready(self::WORKER);
        foreach (['/empty-stream' => 'GET', '/endless' => 'HEAD', '/stream' => 'HEAD'] as $path => $method) {
            $answer = $server->ask($path, ['method' => $method]);
            self::assertSame([0, 200, ''], [$answer['stream'], $answer['status'], $answer['body']]);
        }
    }

    public function testAStreamThatFailsMidwayEndsWithAnErrorNotAsIfItWereComplete(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/late-throw') . Server::probe());
        self::assertSame('good so far', $server->read()['body']);
        $last = $server->read();
        self::assertSame(0x40, $last['flags']);
        self::assertStringContainsString('then it broke', $last['payload']);
        $server->expectPid();
    }

    public function testAStoppedStreamCleansUpEndsAndTheWorkerGoesOn(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/endless') . Server::probe());
        foreach (["chunk 0\n", "chunk 1\n"] as $want) {
            self::assertSame($want, $server->read()['body']);
        }
        self::assertStringNotContainsString('cleaned up', $server->log());
        $server->write(Server::stopStream());
        $server->endOfStream();
        $server->expectPid();
        self::assertStringContainsString('endless: cleaned up', $server->log());
        self::assertSame('request 2', $server->ask('/')['body']);
    }

    public function testOneStreamAfterTheOtherCanBeStoppedWhateverCameDuringTheFirst(): void
    {
        $server = Server::ready(self::WORKER);
        foreach ([20, 0] as $probes) {
            $server->write(Server::request('/endless') . \str_repeat(Server::probe(), $probes));
            $server->read();
            $server->write(Server::stopStream());
            $server->endOfStream();
            for ($n = 0; $n < $probes; $n++) {
                $server->expectPid();
            }
        }
    }

    public function testFramesThatArriveDuringAStreamAreAnsweredAfterItInOrder(): void
    {
        $next = Server::request('/length', [], \str_repeat('x', 70000)) . Server::probe();
        foreach ([0, 5, 12, 60000, \strlen($next)] as $early) {
            $server = Server::ready(self::WORKER);
            $server->write(Server::request('/endless') . Server::probe());
            $server->read();
            $server->write(Server::probe());
            $server->read();
            // The stop stands between whole frames: behind the next request only when that is complete.
            $whole = $early === \strlen($next);
            $server->write($whole ? $next . Server::stopStream() : Server::stopStream() . \substr($next, 0, $early));
            $server->endOfStream();
            $server->write($whole ? '' : \substr($next, $early));
            $server->expectPid();
            $server->expectPid();
            self::assertSame('70000 ' . \md5(\str_repeat('x', 70000)), $server->read()['body'], "{$early} bytes early:");
            $server->expectPid();
        }
    }

    public function testAStopThatComesAfterTheEndOfItsStreamIsIgnored(): void
    {
        $server = Server::ready(self::WORKER);
        $server->ask('/');
        $server->write(Server::stopStream() . Server::frame(0, '', [], 0x08));
        self::assertSame('request 2', $server->ask('/')['body']);
    }

    public function testTheEndAskedForDuringAStreamComesAfterIt(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/endless') . Server::end());
        $server->read();
        $server->write(Server::stopStream());
        $server->endOfStream();
        self::assertSame(0, $server->wait());
    }

    public function testAGeneratorThatCatchesTheStopDoesNotGetItsWay(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/stubborn') . Server::probe());
        $server->read();
        $server->write(Server::stopStream());
        while (($frame = $server->read())['stream'] === 1) {
            self::assertSame('again', $frame['body']);
        }
        $server->expectPid();
        self::assertStringContainsString('stubborn: PhpWorker\StreamStopped', $server->log());
    }

    public function testEarlyHintsGoAheadOfTheResponse(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/hints') . Server::probe());
        $hint = $server->read();
        self::assertSame([8, 1, 103, ['Link' => ['</a.css>; rel=preload']], ''], [$hint['flags'], $hint['stream'], $hint['status'], $hint['headers'], $hint['body']]);
        $answer = $server->read();
        self::assertSame([0, 200, 'hinted'], [$answer['stream'], $answer['status'], $answer['body']]);
        $server->expectPid();
    }

    public function testWorkAfterTheResponseDoesNotHoldItBackAndMayFail(): void
    {
        $fifo = Scratch::path();
        \posix_mkfifo($fifo, 0600);
        $server = Server::ready(self::WORKER, 'fd', ['FIFO' => $fifo]);
        $server->write(Server::request('/afterwards') . Server::probe());
        self::assertSame('answered', $server->read()['body']);
        \file_put_contents($fifo, 'after the answer');
        $server->expectPid();
        self::assertStringContainsString('afterwards: after the answer', $server->log());
        self::assertStringContainsString('[php error] after the response: DomainException: afterwards went wrong', $server->log());
        self::assertSame('request 2', $server->ask('/')['body']);
    }

    public function testAHandlerThatExitsTakesItsProcessAlongWithoutAWordOnTheRelay(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/exit') . Server::probe());
        self::assertSame(null, $server->read());
        self::assertSame(3, $server->reap());
    }

    public function testAServerThatIsGoneEndsTheWorkerWhateverItWasDoing(): void
    {
        $half = \substr(Server::request('/'), 0, 20);
        foreach (['' => 'ended after 0', $half => 'ended after 0', Server::request('/endless') => 'endless: cleaned up'] as $bytes => $trace) {
            $server = Server::ready(self::WORKER);
            $server->write((string) $bytes);
            if ($trace === 'endless: cleaned up') {
                $server->read();
            }
            $server->hangUp();
            self::assertSame(0, $server->reap());
            self::assertStringContainsString($trace, $server->log());
        }
    }

    public function testTextOnTheRelayEndsTheWorkerWithWhatItWas(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        self::assertSame(255, $server->wait());
        self::assertStringContainsString('GET / HTTP/1.1', $server->log());
    }

    public function testAnUnknownControlMessageIsLoggedAndIgnored(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::frame(0x09, '{"dance":true}'));
        self::assertSame('request 1', $server->ask('/')['body']);
        self::assertStringContainsString('[php warning] unknown control message, ignored: {"dance":true}', $server->log());
    }

    public function testARelayThatDoesNotExistIsExplained(): void
    {
        foreach ([
            'carrier://pigeon' => 'unknown relay "carrier://pigeon"', 'pipes://fd/3' => 'want pipes://fd/<in>:fd/<out>',
            'pipes://fd/77:fd/78' => 'not open, was the script started by Caddy?', 'unix:///does/not/exist' => 'connecting: ',
        ] as $relay => $want) {
            self::assertThrows(\RuntimeException::class, $want, static fn() => \PhpWorker\Relay::open($relay));
        }
    }

    public function testEachFrameOfAStreamReturnsTheNumberOfItsRequestTheLastOneThatItIsDone(): void
    {
        $server = Server::ready(self::WORKER);
        foreach (['/stream' => 4, '/hints' => 2, '/late-throw' => 2, '/first-throw' => 1] as $path => $frames) {
            $server->write(Server::request($path, number: 70 + $frames));
            for ($n = 1; $n <= $frames; $n++) {
                $frame = $server->read();
                self::assertSame(70 + $frames, $frame['options'][1] ?? null, "{$path}, frame {$n}:");
                self::assertSame($n === $frames ? 0x10 : 0x01, $frame['stream'], "{$path}, frame {$n}:");
            }
        }
    }
}
