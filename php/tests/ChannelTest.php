<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Channel;
use PhpWorker\Frame;
use PhpWorker\OutputGuard;
use PhpWorker\ProtocolException;
use PhpWorker\RelayClosed;
use PhpWorker\Worker;

/**
 * A channel that reads exactly these pieces.
 *
 * @param list<string> $reads
 */
function channel(array $reads): Channel
{
    $stream = Chunks::open($reads);

    return new Channel($stream, $stream);
}

/**
 * Everything the channel holds, until its end.
 *
 * @return list<array{int, int, string, string}>
 */
function drain(Channel $channel): array
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
function pair(): array
{
    [$ours, $theirs] = \stream_socket_pair(\STREAM_PF_UNIX, \STREAM_SOCK_STREAM, 0);

    return [new Channel($ours, $ours), $theirs];
}

/** memory_reset_peak_usage() came with PHP 8.2. */
function resetPeak(): void
{
    \function_exists('memory_reset_peak_usage') && \memory_reset_peak_usage();
}

test('several frames in one read are all received, in order', function (): void {
    $bytes = Frame::control('{"pid":1}') . Frame::data('{"a":1}', 4) . 'body' . Frame::plain(0, '', Frame::STOP);
    same(
        [[1, 0, '', '{"pid":1}'], [8, 0, '{"a":1}', 'body'], [0, 2, '', '']],
        drain(channel([$bytes])),
    );
});

test('frames cut at every byte are the same frames', function (): void {
    $bytes = Frame::control('{"pid":1}') . Frame::data('{"a":1}', 4) . 'body' . Frame::data('', 0) . Frame::control('{"stop":true}');
    $want = drain(channel([$bytes]));
    same(4, \count($want));
    for ($cut = 1; $cut < \strlen($bytes); $cut++) {
        same($want, drain(channel([\substr($bytes, 0, $cut), \substr($bytes, $cut)])), "cut at {$cut}:");
    }
    same($want, drain(channel(\str_split($bytes))), 'byte by byte:');
});

test('a frame bigger than any buffer is received, and the frame behind it', function (): void {
    $body = \random_bytes(300_001);
    $bytes = Frame::data('{}', \strlen($body)) . $body . Frame::data('{"next":1}', 1) . '!';
    foreach ([7, 16384, 16385, 65536, 1_000_000] as $piece) {
        same([[8, 0, '{}', $body], [8, 0, '{"next":1}', '!']], drain(channel(\str_split($bytes, $piece))), "pieces of {$piece}:");
    }
});

test('frames that each read cuts in the header do not let the buffer grow', function (): void {
    $frame = Frame::data('{}', 1000) . \str_repeat('x', 1000);
    $channel = channel([\substr($frame, 0, 5), ...\array_fill(0, 3000, \substr($frame, 5) . \substr($frame, 0, 5))]);
    resetPeak();
    $before = \memory_get_usage();
    for ($n = 0; $n < 3000 && $channel->receive() !== null; $n++);
    same(3000, $n);
    same(true, \memory_get_peak_usage() - $before < 1_000_000, 'peak below 1 MB:');
});

test('a big body is held in memory once', function (): void {
    $size = 8_000_001;
    $channel = channel(\str_split(Frame::data('{}', $size) . \str_repeat('x', $size) . Frame::control('{}'), 16000));
    resetPeak();
    $before = \memory_get_usage();
    same($size, \strlen($channel->receive()->body));
    // What has been read leaves the list of pieces as the body grows.
    same(true, \memory_get_peak_usage() - $before < $size / 2, \memory_get_peak_usage() - $before . ' more bytes:');
});

test('the end between two frames is the end, within one it is an error', function (): void {
    $bytes = Frame::data('{"a":1}', 4) . 'body';
    same(null, channel([])->receive());
    for ($cut = 1; $cut < \strlen($bytes); $cut++) {
        throws(RelayClosed::class, 'in the middle of a frame', static fn() => channel([\substr($bytes, 0, $cut)])->receive());
    }
});

test('a context longer than its frame is refused', function (): void {
    throws(ProtocolException::class, 'longer than its payload', static fn() => channel([Server::frame(8, '{}', [3])])->receive());
});

test('a frame with two options is read past both', function (): void {
    same([[8, 0, '{}', 'body']], drain(channel([Server::frame(8, '{}body', [2, 9])])));
});

test('a request with the probe behind it costs one write', function (): void {
    $stream = Chunks::open([
        Server::probe(),
        Server::request('/') . Server::probe(),
        Server::request('/') . Server::probe() . Server::probe(),
        Server::end(),
    ]);
    $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
    $worker->run(static fn(): string => 'answer');
    \ob_end_clean();
    $pid = Frame::control('{"pid":' . \getmypid() . '}');
    $answer = Frame::data('{"status":200,"headers":{"Content-Type":["text/html; charset=utf-8"]}}', 6) . 'answer';
    same([$pid, $answer . $pid, $answer . $pid . $pid], Chunks::$writes);
});

test('a probe is not answered before work that comes after the response', function (): void {
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
    same(1, \count($seen));
    contains('answer', $seen[0]);
    lacks('"pid"', $seen[0]);
    same(Frame::control('{"pid":' . \getmypid() . '}'), Chunks::$writes[1]);
});

test('early hints leave before the handler returns', function (): void {
    $stream = Chunks::open([Server::request('/')]);
    $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
    $seen = null;
    $worker->once(static function ($request, $exchange) use (&$seen): string {
        $exchange->earlyHints(['Link' => '</a.css>']);
        $seen = Chunks::$writes;

        return 'answer';
    });
    \ob_end_clean();
    same([Frame::data('{"status":103,"headers":{"Link":["</a.css>"]}}', 0, Frame::STREAM)], $seen);
});

test('a probe is not answered by a worker that serves only once', function (): void {
    $stream = Chunks::open([Server::request('/') . Server::probe()]);
    $worker = new Worker(new Channel($stream, $stream), new OutputGuard());
    same(true, $worker->once(static fn(): string => 'answer'));
    same(1, \count(Chunks::$writes));
    lacks('"pid"', Chunks::$writes[0]);
    same(false, $worker->once(static fn(): string => 'answer'));
    \ob_end_clean();
});

test('a stop is found behind other frames, and none of them is lost', function (): void {
    [$channel, $server] = pair();
    same(false, $channel->stopRequested());
    $before = Server::probe() . Server::probe();
    $next = Server::request('/next', [], \str_repeat('x', 5000));
    \fwrite($server, $before);
    same(false, $channel->stopRequested());
    \fwrite($server, \substr($next, 0, 5));
    same(false, $channel->stopRequested());
    \fwrite($server, \substr($next, 5) . Server::stopStream() . Server::probe());
    same(true, $channel->stopRequested());
    same(false, $channel->stopRequested(), 'once:');
    \fclose($server);
    $frames = drain($channel);
    same([1, 1, 8, 1], \array_map(static fn(array $frame): int => $frame[0] & ~(($frame[0] & 1) << 3), $frames));
    same(\str_repeat('x', 5000), $frames[2][3]);
});

test('a stop is found wherever it is cut', function (): void {
    $stop = Server::stopStream();
    for ($cut = 1; $cut < \strlen($stop); $cut++) {
        [$channel, $server] = pair();
        \fwrite($server, Server::probe() . \substr($stop, 0, $cut));
        same(false, $channel->stopRequested(), "cut at {$cut}:");
        \fwrite($server, \substr($stop, $cut));
        same(true, $channel->stopRequested(), "cut at {$cut}:");
        same('{"pid":7}', $channel->receive()->body);
    }
});

test('a control frame that has not arrived whole is not waited for', function (): void {
    [$channel, $server] = pair();
    \fwrite($server, \substr(Server::probe(), 0, -1));
    \fclose($server);
    $channel->stopRequested();
    same(null, $channel->bufferedControl());
});

test('a server that is gone stops a stream', function (): void {
    [$channel, $server] = pair();
    \fclose($server);
    same(true, $channel->stopRequested());
});

test('an answer nobody takes is an error', function (): void {
    [$channel, $server] = pair();
    \fclose($server);
    $channel->push('bytes');
    throws(RelayClosed::class, 'before it took an answer', static fn() => $channel->flush());
});
