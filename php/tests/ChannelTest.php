<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Channel;
use PhpWorker\Frame;
use PhpWorker\OutputGuard;
use PhpWorker\ProtocolException;
use PhpWorker\RelayClosed;
use PhpWorker\Worker;

final class ChannelTest extends TestCase
{
    /**
     * A channel that reads exactly these pieces.
     *
     * @param list<string> $reads
     */
    private static function channel(array $reads): Channel
    {
        $stream = Chunks::open($reads);

        return new Channel($stream, $stream);
    }

    /**
     * Everything the channel holds, until its end.
     *
     * @return list<array{int, int, string, string}>
     */
    private static function drain(Channel $channel): array
    {
        $frames = [];
        while (($frame = $channel->receive()) !== null) {
            $frames[] = [$frame->flags, $frame->stream, $frame->context, $frame->body];
        }

        return $frames;
    }

    /**
     * A channel and the server's end of it.
     *
     * @return array{Channel, resource}
     */
    private static function pair(): array
    {
        [$ours, $theirs] = \stream_socket_pair(\STREAM_PF_UNIX, \STREAM_SOCK_STREAM, 0);

        return [new Channel($ours, $ours), $theirs];
    }

    /** memory_reset_peak_usage() came with PHP 8.2. */
    private static function resetPeak(): void
    {
        \function_exists('memory_reset_peak_usage') && \memory_reset_peak_usage();
    }

    public function testSeveralFramesInOneReadAreAllReceivedInOrder(): void
    {
        $bytes = Frame::control('{"pid":1}') . Frame::data('{"a":1}', 4) . 'body' . Frame::plain(0, '', Frame::STOP);
        self::assertSame(
            [[1, 0, '', '{"pid":1}'], [8, 0, '{"a":1}', 'body'], [0, 2, '', '']],
            self::drain(self::channel([$bytes])),
        );
    }

    public function testFramesCutAtEveryByteAreTheSameFrames(): void
    {
        $bytes = Frame::control('{"pid":1}') . Frame::data('{"a":1}', 4) . 'body' . Frame::data('', 0) . Frame::control('{"stop":true}');
        $want = self::drain(self::channel([$bytes]));
        self::assertSame(4, \count($want));
        for ($cut = 1; $cut < \strlen($bytes); $cut++) {
            self::assertSame($want, self::drain(self::channel([\substr($bytes, 0, $cut), \substr($bytes, $cut)])), "cut at {$cut}:");
        }
        self::assertSame($want, self::drain(self::channel(\str_split($bytes))), 'byte by byte:');
    }

    public function testAFrameBiggerThanAnyBufferIsReceivedAndTheFrameBehindIt(): void
    {
        $body = \random_bytes(300_001);
        $bytes = Frame::data('{}', \strlen($body)) . $body . Frame::data('{"next":1}', 1) . '!';
        foreach ([7, 16384, 16385, 65536, 1_000_000] as $piece) {
            self::assertSame([[8, 0, '{}', $body], [8, 0, '{"next":1}', '!']], self::drain(self::channel(\str_split($bytes, $piece))), "pieces of {$piece}:");
        }
    }

    public function testFramesThatEachReadCutsInTheHeaderDoNotLetTheBufferGrow(): void
    {
        $frame = Frame::data('{}', 1000) . \str_repeat('x', 1000);
        $channel = self::channel([\substr($frame, 0, 5), ...\array_fill(0, 3000, \substr($frame, 5) . \substr($frame, 0, 5))]);
        self::resetPeak();
        $before = \memory_get_usage();
        for ($n = 0; $n < 3000 && $channel->receive() !== null; $n++);
        self::assertSame(3000, $n);
        self::assertSame(true, \memory_get_peak_usage() - $before < 1_000_000, 'peak below 1 MB:');
    }

    public function testABigBodyIsHeldInMemoryOnce(): void
    {
        $size = 8_000_001;
        $channel = self::channel(\str_split(Frame::data('{}', $size) . \str_repeat('x', $size) . Frame::control('{}'), 16000));
        self::resetPeak();
        $before = \memory_get_usage();
        self::assertSame($size, \strlen($channel->receive()->body));
        // What has been read leaves the list of pieces as the body grows.
        self::assertSame(true, \memory_get_peak_usage() - $before < $size / 2, \memory_get_peak_usage() - $before . ' more bytes:');
    }

    public function testTheEndBetweenTwoFramesIsTheEndWithinOneItIsAnError(): void
    {
        $bytes = Frame::data('{"a":1}', 4) . 'body';
        self::assertSame(null, self::channel([])->receive());
        for ($cut = 1; $cut < \strlen($bytes); $cut++) {
            self::assertThrows(RelayClosed::class, 'in the middle of a frame', static fn() => self::channel([\substr($bytes, 0, $cut)])->receive());
        }
    }

    public function testAContextLongerThanItsFrameIsRefused(): void
    {
        self::assertThrows(ProtocolException::class, 'longer than its payload', static fn() => self::channel([Server::frame(8, '{}', [3])])->receive());
    }

    public function testAFrameWithTwoOptionsIsReadPastBoth(): void
    {
        self::assertSame([[8, 0, '{}', 'body']], self::drain(self::channel([Server::frame(8, '{}body', [2, 9])])));
    }

    public function testARequestWithTheProbeBehindItCostsOneWrite(): void
    {
        $stream = Chunks::open([
            Server::probe(),
            Server::request('/') . Server::probe(),
            Server::request('/') . Server::probe() . Server::probe(),
            Server::end(),
        ]);
        $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
        $worker->run(static fn(): string => 'answer');
        \ob_end_clean();
        $pid = Frame::control('{"pid":' . \getmypid() . ',"numbers":true}');
        $answer = Frame::data('{"status":200,"headers":{"Content-Type":["text/html; charset=utf-8"]}}', 6) . 'answer';
        self::assertSame([$pid, $answer . $pid, $answer . $pid . $pid], Chunks::$writes);
    }

    public function testAProbeIsNotAnsweredBeforeWorkThatComesAfterTheResponse(): void
    {
        $stream = Chunks::open([Server::request('/') . Server::probe()]);
        $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
        $seen = null;
        $worker->run(static function ($request, $exchange) use (&$seen): string {
            $exchange->afterwards(static function () use (&$seen): void {
                $seen = Chunks::$writes;
            });

            return 'answer';
        });
        \ob_end_clean();
        self::assertSame(1, \count($seen));
        self::assertStringContainsString('answer', $seen[0]);
        self::assertStringNotContainsString('"pid"', $seen[0]);
        self::assertSame(Frame::control('{"pid":' . \getmypid() . ',"numbers":true}'), Chunks::$writes[1]);
    }

    /**
     * What a worker writes to a server that sends these frames.
     *
     * @param callable(\PhpWorker\Request, \PhpWorker\Exchange): mixed $handler
     *
     * @return list<string>
     */
    private static function written(callable $handler, string ...$frames): array
    {
        $stream = Chunks::open($frames);
        (new Worker(new Channel($stream, $stream), new OutputGuard()))->run($handler);
        \ob_end_clean();

        return Chunks::$writes;
    }

    public function testEachFrameOfAnAnswerReturnsTheNumberOfItsRequestTheLastOneThatItIsDone(): void
    {
        $head = '{"status":200,"headers":{"Content-Type":["text/html; charset=utf-8"]}}';
        $two = Server::request('/', number: 7) . Server::request('/', number: 4_000_000_000);
        self::assertSame(
            [Frame::data($head, 3, Frame::DONE, 7) . 'one', Frame::data($head, 3, Frame::DONE, 4_000_000_000) . 'one'],
            self::written(static fn(): string => 'one', $two),
        );
        $failed = self::written(static fn() => throw new \DomainException('broken'), Server::request('/', number: 9));
        self::assertSame(1, \count($failed));
        self::assertSame([0x15, Frame::ERROR, Frame::DONE, 0, 9], [
            \ord($failed[0][0]), \ord($failed[0][1]), \ord($failed[0][10]), \unpack('V', $failed[0], 12)[1], \unpack('V', $failed[0], 16)[1],
        ]);
    }

    public function testARequestWithWorkAfterItsAnswerIsDoneWhenThatIs(): void
    {
        $seen = null;
        $writes = self::written(static function ($request, $exchange) use (&$seen): string {
            $exchange->afterwards(static function () use (&$seen): void {
                $seen = Chunks::$writes;
            });

            return 'one';
        }, Server::request('/', number: 7), Server::end());
        $answer = Frame::data('{"status":200,"headers":{"Content-Type":["text/html; charset=utf-8"]}}', 3, 0, 7) . 'one';
        self::assertSame([$answer], $seen);
        self::assertSame([$answer, Frame::control('{"done":true}', 7)], $writes);
    }

    public function testAWorkerThatServesOnlyOnceIsDoneWhenItAsksAgain(): void
    {
        $stream = Chunks::open([Server::request('/', number: 7)]);
        $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
        self::assertSame(true, $worker->once(static fn(): string => 'one'));
        self::assertSame(1, \count(Chunks::$writes));
        self::assertSame(0, \ord(Chunks::$writes[0][10]));
        self::assertSame(false, $worker->once(static fn(): string => 'one'));
        \ob_end_clean();
        self::assertSame(Frame::control('{"done":true}', 7), Chunks::$writes[1]);
    }

    public function testEarlyHintsLeaveBeforeTheHandlerReturns(): void
    {
        $stream = Chunks::open([Server::request('/')]);
        $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
        $seen = null;
        $worker->once(static function ($request, $exchange) use (&$seen): string {
            $exchange->earlyHints(['Link' => '</a.css>']);
            $seen = Chunks::$writes;

            return 'answer';
        });
        \ob_end_clean();
        self::assertSame([Frame::data('{"status":103,"headers":{"Link":["</a.css>"]}}', 0, Frame::STREAM)], $seen);
    }

    public function testAProbeIsNotAnsweredByAWorkerThatServesOnlyOnce(): void
    {
        $stream = Chunks::open([Server::request('/') . Server::probe()]);
        $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
        self::assertSame(true, $worker->once(static fn(): string => 'answer'));
        self::assertSame(1, \count(Chunks::$writes));
        self::assertStringNotContainsString('"pid"', Chunks::$writes[0]);
        self::assertSame(false, $worker->once(static fn(): string => 'answer'));
        \ob_end_clean();
    }

    public function testAStopIsFoundBehindOtherFramesAndNoneOfThemIsLost(): void
    {
        [$channel, $server] = self::pair();
        self::assertSame(false, $channel->stopRequested());
        $before = Server::probe() . Server::probe();
        $next = Server::request('/next', [], \str_repeat('x', 5000));
        \fwrite($server, $before);
        self::assertSame(false, $channel->stopRequested());
        \fwrite($server, \substr($next, 0, 5));
        self::assertSame(false, $channel->stopRequested());
        \fwrite($server, \substr($next, 5) . Server::stopStream() . Server::probe());
        self::assertSame(true, $channel->stopRequested());
        self::assertSame(false, $channel->stopRequested(), 'once:');
        \fclose($server);
        $frames = self::drain($channel);
        self::assertSame([1, 1, 8, 1], \array_map(static fn(array $frame): int => $frame[0] & ~(($frame[0] & 1) << 3), $frames));
        self::assertSame(\str_repeat('x', 5000), $frames[2][3]);
    }

    public function testAStopIsFoundWhereverItIsCut(): void
    {
        $stop = Server::stopStream();
        for ($cut = 1; $cut < \strlen($stop); $cut++) {
            [$channel, $server] = self::pair();
            \fwrite($server, Server::probe() . \substr($stop, 0, $cut));
            self::assertSame(false, $channel->stopRequested(), "cut at {$cut}:");
            \fwrite($server, \substr($stop, $cut));
            self::assertSame(true, $channel->stopRequested(), "cut at {$cut}:");
            self::assertSame('{"pid":7}', $channel->receive()->body);
        }
    }

    public function testAControlFrameThatHasNotArrivedWholeIsNotWaitedFor(): void
    {
        [$channel, $server] = self::pair();
        \fwrite($server, \substr(Server::probe(), 0, -1));
        \fclose($server);
        $channel->stopRequested();
        self::assertSame(null, $channel->bufferedControl());
    }

    public function testAServerThatIsGoneStopsAStream(): void
    {
        [$channel, $server] = self::pair();
        \fclose($server);
        self::assertSame(true, $channel->stopRequested());
    }

    public function testAnAnswerNobodyTakesIsAnError(): void
    {
        [$channel, $server] = self::pair();
        \fclose($server);
        $channel->push('bytes');
        self::assertThrows(RelayClosed::class, 'before it took an answer', static fn() => $channel->flush());
    }
}
