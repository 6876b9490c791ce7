<?php

/*
 * Records the golden frames with the PHP packages themselves:
 *
 *     php record.php <generation> <autoload.php> <folder>
 *
 * generation "legacy": spiral/goridge 4.x, roadrunner-worker 3.4, roadrunner-http 3.4
 * generation "codec":  the same goridge with the versions that choose a codec
 *                      (roadrunner-worker >= 3.6, roadrunner-http >= 3.5)
 *
 * A file holds what one exchange wrote to the relay: one frame or several.
 */

declare(strict_types=1);

use Spiral\Goridge\Frame;
use Spiral\Goridge\StreamRelay;
use Spiral\RoadRunner\Http\Exception\StreamStoppedException;
use Spiral\RoadRunner\Http\HttpWorker;
use Spiral\RoadRunner\Logger;
use Spiral\RoadRunner\Message\Command\StreamStop;
use Spiral\RoadRunner\Payload;
use Spiral\RoadRunner\Worker;

[, $generation, $autoload, $folder] = $argv;
require $autoload;

/** One worker, its relay held by us: requests go in at $server, answers are kept in $out. */
final class Recording
{
    public readonly Worker $worker;
    public readonly HttpWorker $http;
    /** @var resource */
    private $server;
    /** @var resource */
    private $out;

    public function __construct()
    {
        [$this->server, $in] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $this->out = fopen('php://temp', 'w+b');
        $this->worker = new Worker(new StreamRelay($in, $this->out), false, new Logger());
        $this->http = new HttpWorker($this->worker);
    }

    public function send(Frame $frame): void
    {
        fwrite($this->server, Frame::packFrame($frame));
    }

    public function save(string $file): void
    {
        file_put_contents($file, stream_get_contents($this->out, -1, 0));
    }
}

function bare(int $byte10): Frame
{
    $frame = new Frame(null);
    $frame->byte10 = $byte10;

    return $frame;
}

$context = json_encode([
    'remoteAddr' => '127.0.0.1', 'protocol' => 'HTTP/1.1', 'method' => 'POST', 'uri' => 'http://localhost/a?b=c',
    'headers' => ['Accept' => ['*/*']], 'cookies' => [], 'rawQuery' => 'b=c', 'parsed' => false,
    'uploads' => null, 'attributes' => [],
], JSON_UNESCAPED_SLASHES);

/** @var array<string, callable(Recording): void> $exchanges */
$exchanges = [];

$chunks = static function (Recording $r, int $n) {
    for ($i = 1; $i <= $n; $i++) {
        yield "chunk $i\n";
        $r->send(bare(Frame::BYTE10_PONG));
    }
};

if ($generation === 'legacy') {
    $exchanges['pid'] = static function (Recording $r) {
        $r->send(new Frame('{"pid":1}', [], Frame::CONTROL | Frame::CODEC_JSON));
        $r->send(new Frame('{"stop":true}', [], Frame::CONTROL | Frame::CODEC_JSON));
        $r->worker->waitPayload() === null or throw new Exception('a payload instead of the stop');
    };
    $exchanges['respond'] = static fn(Recording $r) => $r->http->respond(
        201,
        "body \0 \xff",
        ['Content-Type' => ['text/plain'], 'Set-Cookie' => ['a=1', 'b=2']],
    );
    $exchanges['respond-empty-body'] = static fn(Recording $r) => $r->http->respond(204);
    $exchanges['respond-large'] = static fn(Recording $r) => $r->http->respond(200, str_repeat('0123456789abcdef', 1250));
    $exchanges['early-hints'] = static function (Recording $r) {
        $r->http->respond(103, '', ['Link' => ['</a.css>; rel=preload']], false);
        $r->http->respond(200, 'page');
    };
    $exchanges['error'] = static fn(Recording $r) => $r->worker->error('something went wrong');
    $exchanges['stop'] = static fn(Recording $r) => $r->worker->stop();
    $exchanges['error-then-stop'] = static function (Recording $r) {
        $r->worker->error('something went wrong');
        $r->worker->stop();
    };
    $exchanges['stream'] = static fn(Recording $r) => $r->http->respond(200, $chunks($r, 12));
    $exchanges['stream-ping-last'] = static function (Recording $r) {
        $worker = $r->worker->withStreamMode();
        for ($i = 1; $i <= 5; $i++) {
            $worker->respond(new Payload("chunk $i\n", '{}', false));
        }
        $worker->hasPayload(StreamStop::class);
        $worker->respond(new Payload('', '{}'));
    };
    $exchanges['stream-stopped'] = static fn(Recording $r) => $r->http->respond(200, (static function () use ($r) {
        try {
            for ($i = 1; ; $i++) {
                yield "chunk $i\n";
                $i === 6 and $r->send(bare(Frame::BYTE10_STOP));
            }
        } catch (StreamStoppedException) {
        }
    })());
    $exchanges['stream-throws'] = static fn(Recording $r) => $r->http->respond(200, (static function () {
        yield 'chunk 1';
        throw new Exception('in the middle');
    })());

    // What the server sends, as PHP would encode it.
    $encoded = [
        'to-worker-pid' => new Frame('{"pid":4711}', [], Frame::CONTROL | Frame::CODEC_JSON),
        'to-worker-stop' => new Frame('{"stop":true}', [], Frame::CONTROL | Frame::CODEC_JSON),
        'to-worker-stream-stop' => bare(Frame::BYTE10_STOP),
        'to-worker-stream-pong' => bare(Frame::BYTE10_PONG),
        'to-worker-request' => new Frame($context . 'raw body', [strlen($context)], Frame::CODEC_JSON),
        'to-worker-request-no-body' => new Frame($context, [strlen($context)], Frame::CODEC_JSON),
        'ten-options' => new Frame('payload', [7, 1, 2, 3, 4, 5, 6, 7, 8, 0xFFFFFFFF], Frame::CODEC_RAW),
    ];
    foreach ($encoded as $name => $frame) {
        file_put_contents("$folder/$name.bin", Frame::packFrame($frame));
    }
} else {
    // The client remembers the codec of the first request for the whole process.
    $codec = (int) (getenv('CODEC') ?: Frame::CODEC_JSON);
    $name = $codec === Frame::CODEC_PROTO ? 'proto' : 'json';
    if ($codec === Frame::CODEC_PROTO) {
        $request = new RoadRunner\HTTP\DTO\V1\Request();
        $request->setRemoteAddr('127.0.0.1')->setProtocol('HTTP/1.1')->setMethod('GET')->setUri('http://localhost/');
        $context = $request->serializeToString();
    }
    $request = static function (Recording $r) use ($context, $codec) {
        $r->send(new Frame($context, [strlen($context)], $codec));
        $r->http->waitRequest() !== null or throw new Exception('no request');
    };
    $exchanges["codec-$name"] = static function (Recording $r) use ($request) {
        $request($r);
        $r->http->respond(200, 'page', ['Content-Type' => ['text/html']]);
    };
    $exchanges["codec-$name-stream"] = static function (Recording $r) use ($request, $chunks) {
        $request($r);
        $r->http->respond(200, $chunks($r, 6), ['Content-Type' => ['text/plain']]);
    };
}

foreach ($exchanges as $name => $exchange) {
    $recording = new Recording();
    $exchange($recording);
    $recording->save("$folder/$name.bin");
}
