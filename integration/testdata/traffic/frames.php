<?php

declare(strict_types=1);

// The traffic's application behind a client of the protocol that has nothing in
// common with ours: it treats the relay as the RoadRunner client 3.x does. It reads
// through PHP's own buffer, so that it may hold requests it has not begun; it pings
// once in five frames of a stream; and it loses what comes before the answer to a
// ping, but for the request to stop.

require __DIR__ . '/app.php';

final class Client
{
    private const CONTROL = 0x01, ERROR = 0x40, STREAM = 0x01, STOP = 0x02, PING = 0x04, PONG = 0x08;

    /** @param resource $in may be the same as $out */
    private function __construct(private $in, private $out) {}

    public static function connect(string $relay): self
    {
        [$scheme, $address] = explode('://', $relay, 2) + [1 => ''];
        if ($scheme === 'unix') {
            $socket = stream_socket_client($relay);
            stream_set_timeout($socket, 86400);

            return new self($socket, $socket);
        }
        if ($address === '') {
            return new self(STDIN, STDOUT);
        }
        [$in, $out] = explode(':', $address);

        return new self(fopen("php://{$in}", 'rb'), fopen("php://{$out}", 'wb'));
    }

    /** Answers requests until the server asks for the end, or is gone. */
    public function run(): void
    {
        while (true) {
            [$flags, $stream, $context, $body] = $this->receive();
            if (($flags & self::CONTROL) !== 0) {
                if (!empty(json_decode($context . $body, true)['stop'])) {
                    return;
                }
                $this->send(json_encode(['pid' => getmypid()]), flags: self::CONTROL);
            } elseif (($stream & (self::STOP | self::PONG)) === 0) {
                $this->answer(json_decode($context, true), $body);
            }
        }
    }

    private function answer(array $request, string $body): void
    {
        parse_str($request['rawQuery'], $query);
        $done = (new Asked($request['method'], $query, $body))->carryOut();
        $context = json_encode(['status' => 200, 'headers' => $done->headers]);
        if ($done->error !== null) {
            $this->send($done->error, flags: self::ERROR);
        } elseif ($done->body instanceof Generator) {
            $this->stream($context, $done->body);
        } else {
            $this->send($context . $done->body, context: strlen($context));
        }
        if ($done->after !== null) {
            ($done->after)();
        }
    }

    private function stream(string $context, Generator $chunks): void
    {
        $frames = 0;
        $waits = false; // for the answer to a ping
        foreach ($chunks as $chunk) {
            if ($waits && $this->stopped($waits)) {
                break;
            }
            $ping = !$waits && $frames > 0 && $frames % 5 === 0;
            $waits = $waits || $ping;
            $this->send($context . $chunk, self::STREAM | ($ping ? self::PING : 0), context: strlen($context));
            $context = '';
            $frames++;
        }
        $this->send($context, context: strlen($context));
    }

    /** Reads what has arrived, up to the answer to a ping or the request to stop. Never blocks within a stream. */
    private function stopped(bool &$waits): bool
    {
        $none = null;
        for ($in = [$this->in]; stream_select($in, $none, $none, 0) > 0; $in = [$this->in]) {
            $stream = $this->receive()[1];
            if (($stream & self::STOP) !== 0) {
                return true;
            }
            if (($stream & self::PONG) !== 0) {
                $waits = false;
                break;
            }
        }

        return false;
    }

    /** @return array{int, int, string, string} flags, stream bits, context, body; ends the process where there are none */
    private function receive(): array
    {
        $head = $this->read(12);
        $words = ord($head[0]) & 15;
        if (ord($head[0]) >> 4 !== 1 || crc32(substr($head, 0, 6)) !== unpack('V', $head, 6)[1]) {
            fwrite(STDERR, 'not a frame: ' . bin2hex($head) . "\n");
            exit(8);
        }
        $split = $words > 3 ? unpack('V', $this->read(4 * ($words - 3)))[1] : 0;
        $payload = $this->read(unpack('V', $head, 2)[1]);

        return [ord($head[1]), ord($head[10]), substr($payload, 0, $split), substr($payload, $split)];
    }

    private function read(int $length): string
    {
        $bytes = '';
        while (strlen($bytes) < $length) {
            $more = fread($this->in, $length - strlen($bytes));
            if ($more === '' || $more === false) {
                exit(0);
            }
            $bytes .= $more;
        }

        return $bytes;
    }

    private function send(string $payload, int $stream = 0, int $flags = 0, ?int $context = null): void
    {
        $head = pack('CCV', 0x13 + ($context === null ? 0 : 1), $flags, strlen($payload));
        $bytes = $head . pack('VCC', crc32($head), $stream, 0) . ($context === null ? '' : pack('V', $context)) . $payload;
        while ($bytes !== '') {
            $written = fwrite($this->out, $bytes);
            if (!$written) {
                exit(0);
            }
            $bytes = substr($bytes, $written);
        }
        fflush($this->out);
    }
}

Client::connect(getenv('RR_RELAY') ?: 'pipes')->run();
