<?php

declare(strict_types=1);

/**
 * What a client asked for, whoever has read it.
 */
final class In
{
    public function __construct(
        public readonly string $method,
        public readonly string $uri,
        public readonly string $path,
        public readonly string $protocol,
        public readonly array $headers,
        public readonly array $cookies,
        public readonly array $query,
        public readonly mixed $parsed,
        public readonly array $files,
        public readonly array $attributes,
        public readonly string $remote,
        public readonly string $body,
    ) {}
}

/**
 * The ways to answer. Nothing is checked on this side: the tests want to see what
 * the server does with it.
 */
interface Out
{
    /** @return list<string> which of "stream", "stop" and "hints" this end of the relay is able to */
    public function able(): array;

    public function answer(int $status, array $headers, string $body): void;

    public function stream(int $status, array $headers, Generator $chunks): void;

    public function hints(array $headers): void;

    public function error(string $text): void;

    /** Sends an answer frame with this context, whatever it is. */
    public function raw(string $context, string $body): void;
}

/** Says something in the server's log. */
function say(string $line): void
{
    fwrite(STDERR, $line . "\n");
}

/** JSON that loses no byte: a string that is not UTF-8 is given as "hex:...". */
function json(mixed $data): string
{
    $safe = static function (mixed $node) use (&$safe): mixed {
        if (is_array($node)) {
            $copy = [];
            foreach ($node as $key => $value) {
                $copy[is_string($key) ? $safe($key) : $key] = $safe($value);
            }

            return $copy;
        }

        return is_string($node) && preg_match('//u', $node) !== 1 ? 'hex:' . bin2hex($node) : $node;
    };

    return json_encode($safe($data), JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
}

/** One line from a named pipe: blocks until the test has written it. */
function gate(string $path): string
{
    static $gates = [];
    $gates[$path] ??= fopen($path, 'rb');

    return rtrim(fgets($gates[$path]));
}

/** One chunk for each line that comes through the gate, until one says how to end. */
function gated(string $path, string $format): Generator
{
    for ($n = 0; ; $n++) {
        $line = gate($path);
        switch ($line) {
            case 'end':
                say('the stream came to its end');

                return '';
            case 'exit':
                exit(3);
            case 'throw':
                throw new DomainException('thrown within the stream');
        }
        try {
            yield sprintf($format, $n, $line);
        } catch (Throwable $stop) { // StreamStopped, StreamStoppedException
            say('the stream was stopped by ' . $stop::class);

            return '';
        }
    }
}

function repeated(int $size, int $chunk): Generator
{
    for (; $size > 0; $size -= $chunk) {
        yield str_repeat('x', min($size, $chunk));
    }

    return '';
}

/** The application. */
function app(In $in, Out $out): void
{
    static $served = 0;
    $served++;
    $text = ['Content-Type' => ['text/plain']];
    $query = static fn(string $key, string $default = ''): string => is_string($in->query[$key] ?? null) ? $in->query[$key] : $default;

    switch ($in->path) {
        case '/able':
            $out->answer(200, $text, implode(' ', $out->able()));
            break;
        case '/pid':
            $out->answer(200, $text, getmypid() . ' ' . $served);
            break;
        case '/answer': // a JSON body says what
            $want = json_decode($in->body, true, 512, JSON_THROW_ON_ERROR);
            $out->answer($want['status'] ?? 200, $want['headers'] ?? [], $want['body'] ?? '');
            break;
        case '/bytes':
            $out->answer(200, $text + ['X-Bytes' => [$query('bytes')]], '');
            break;
        case '/raw':
            $out->raw($in->body, 'the body behind it');
            break;
        case '/big':
            $out->answer(200, $text, str_repeat('x', (int) $query('size')));
            break;
        case '/bigstream':
            $out->stream((int) $query('status', '200'), $text, repeated((int) $query('size'), 1 << 18));
            break;
        case '/gated':
            $headers = $text + ['X-Pid' => [(string) getmypid()]];
            if ($query('sendfile') !== '') {
                $headers['X-Sendfile'] = [$query('sendfile')];
            }
            if ($query('length') !== '') {
                $headers['Content-Length'] = [$query('length')];
            }
            $out->stream((int) $query('status', '200'), $headers, gated($query('gate'), "chunk %d: %s\n"));
            break;
        case '/events':
            $out->stream(200, ['Content-Type' => ['text/event-stream'], 'Cache-Control' => ['no-cache']], gated($query('gate'), "id: %d\ndata: %s\n\n"));
            break;
        case '/wait': // "entered" tells the test that the worker is busy now
            say('entered ' . $query('id'));
            $out->answer(200, $text, gate($query('gate')));
            break;
        case '/hints':
            $out->hints(['Link' => ['</a.css>; rel=preload; as=style'], 'X-Hint' => ['one']]);
            $out->hints(['Link' => ['</b.js>; rel=preload; as=script']]);
            if ($query('gate') !== '') {
                gate($query('gate'));
            }
            $out->answer(200, $text + ['X-Final' => ['yes']], 'hinted');
            break;
        case '/many-hints': // with a gate, each hint waits for a line
            for ($n = 0; $n < (int) $query('count'); $n++) {
                if ($query('gate') !== '') {
                    gate($query('gate'));
                }
                $out->hints(['X-Hint' => [(string) $n]]);
            }
            $out->answer(200, $text, 'hinted');
            break;
        case '/trailers':
            $headers = $text + ['Trailer' => ['X-Sum, X-Count'], 'X-Sum' => ['abc'], 'X-Count' => ['3']];
            $query('stream') === '' ? $out->answer(200, $headers, 'body') : $out->stream(200, $headers, repeated(3 << 18, 1 << 18));
            break;
        case '/error':
            $out->error('the reason why');
            break;
        case '/throw':
            throw new DomainException('thrown by the application');
        case '/double':
            $out->answer(200, $text, 'right ' . $query('id'));
            $out->answer(200, $text, 'WRONG ' . $query('id'));
            break;
        case '/late-error':
            $out->answer(200, $text, 'right ' . $query('id'));
            $out->error('WRONG ' . $query('id'));
            break;
        case '/id':
            $out->answer(200, $text, 'right ' . $query('id'));
            break;
        case '/exit':
            file_put_contents($query('tries'), $in->method . "\n", FILE_APPEND);
            exit(3);
        case '/fatal':
            fwrite(STDERR, "PHP Fatal error:  out of the blue in app.php\n");
            exit(255);
        case '/exit-once': // exits unless the file is there already
            if (!file_exists($query('flag'))) {
                touch($query('flag'));
                exit(3);
            }
            $out->answer(200, $text, $in->method);
            break;
        default:
            $body = $in->method === 'HEAD' ? '' : json([
                'method' => $in->method,
                'uri' => $in->uri,
                'path' => $in->path,
                'protocol' => $in->protocol,
                'headers' => (object) array_change_key_case($in->headers),
                'cookies' => (object) $in->cookies,
                'query' => $in->query,
                'parsed' => $in->parsed,
                'files' => $in->files,
                'attributes' => (object) $in->attributes,
                'remote' => $in->remote,
                'length' => strlen($in->body),
                'sha1' => sha1($in->body),
                'body' => strlen($in->body) <= 4096 ? $in->body : '',
                'pid' => getmypid(),
                'served' => $served,
            ]);
            $out->answer(200, ['Content-Type' => ['application/json']], $body);
    }
}
