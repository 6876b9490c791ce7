<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PHPUnit\Framework\Assert;
use PHPUnit\Framework\AssertionFailedError;

/**
 * The other end of a relay: starts a worker script as the server does, and speaks
 * frames with it. Reads and writes frames by its own few lines, not by those under
 * test. Every read has a limit of ten seconds.
 */
final class Server
{
    /** @var resource */
    private $process;

    /** @var resource */
    private $in;

    /** @var resource */
    private $out;

    /** @var resource */
    private $stdout;

    /** @var resource */
    private $stderr;

    private string $buffer = '';

    public readonly int $pid;

    /**
     * @param string                $relay "fd", "stdio" or "unix"
     * @param array<string, string> $env
     */
    public function __construct(string $script, private readonly string $relay = 'fd', array $env = [])
    {
        $this->stdout = \tmpfile();
        $this->stderr = \tmpfile();
        $descriptors = [0 => ['file', '/dev/null', 'r'], 1 => $this->stdout, 2 => $this->stderr];
        $listener = null;
        switch ($relay) {
            case 'fd':
                $env['RR_RELAY'] = 'pipes://fd/3:fd/4';
                $descriptors += [3 => ['pipe', 'r'], 4 => ['pipe', 'w']];
                break;
            case 'stdio':
                $env['RR_RELAY'] = 'pipes';
                $descriptors[0] = ['pipe', 'r'];
                $descriptors[1] = ['pipe', 'w'];
                break;
            case 'unix':
                $path = Scratch::path();
                $env['RR_RELAY'] = "unix://{$path}";
                $listener = \stream_socket_server("unix://{$path}");
        }
        $this->process = \proc_open([\PHP_BINARY, $script], $descriptors, $pipes, \dirname($script), $env + \getenv());
        $this->pid = \proc_get_status($this->process)['pid'];
        if ($listener !== null) {
            $this->in = $this->out = \stream_socket_accept($listener, 10.0);
        } else {
            $this->out = $relay === 'fd' ? $pipes[3] : $pipes[0];
            $this->in = $relay === 'fd' ? $pipes[4] : $pipes[1];
        }
        \stream_set_read_buffer($this->in, 0);
    }

    public function __destruct()
    {
        if (\is_resource($this->process)) {
            \proc_terminate($this->process, 9);
            \proc_close($this->process);
        }
    }

    /**
     * Starts the script and shakes hands.
     *
     * @param array<string, string> $env
     */
    public static function ready(string $script, string $relay = 'fd', array $env = []): self
    {
        $server = new self($script, $relay, $env);
        $server->write(self::probe());
        $reply = $server->read();
        if ($reply === null || $reply['flags'] !== 1 || $reply['payload'] !== '{"pid":' . $server->pid . ',"numbers":true}') {
            throw new AssertionFailedError('no handshake: ' . self::show($reply) . $server->log());
        }

        return $server;
    }

    /**
     * The frame of a request.
     *
     * @param array<string, mixed> $context overrides what a plain GET has
     * @param int                  $number  0 is a server that does not number its requests
     */
    public static function request(string $path, array $context = [], string $body = '', int $number = 0): string
    {
        $context = \json_encode($context + [
            'remoteAddr' => '127.0.0.1', 'protocol' => 'HTTP/1.1', 'method' => 'GET', 'uri' => "http://localhost{$path}",
            'headers' => ['User-Agent' => ['tests']], 'cookies' => new \stdClass(),
            'rawQuery' => \explode('?', $path)[1] ?? '', 'parsed' => false, 'uploads' => null, 'attributes' => new \stdClass(),
        ]);

        return self::frame(0x08, $context . $body, $number === 0 ? [\strlen($context)] : [\strlen($context), $number]);
    }

    /** What asks for the process id, at the start and behind every request. */
    public static function probe(): string
    {
        return self::frame(0x09, '{"pid":7}');
    }

    /** Asks the worker to end. */
    public static function end(): string
    {
        return self::frame(0x09, '{"stop":true}');
    }

    /** Stops the current stream. */
    public static function stopStream(): string
    {
        return self::frame(0, '', [], 0x02);
    }

    /**
     * @param list<int> $options
     */
    public static function frame(int $flags, string $payload, array $options = [], int $stream = 0): string
    {
        $head = \pack('CCV', 0x13 + \count($options), $flags, \strlen($payload));

        return $head . \pack('V', \crc32($head)) . \chr($stream) . "\0" . \pack('V*', ...$options) . $payload;
    }

    public function write(string $bytes): void
    {
        while ($bytes !== '') {
            $bytes = \substr($bytes, \fwrite($this->out, $bytes));
        }
    }

    /** Closes the relay as a server that has died. */
    public function hangUp(): void
    {
        \fclose($this->out);
        if ($this->in !== $this->out && \is_resource($this->in)) {
            \fclose($this->in);
        }
    }

    /**
     * The next frame; null when the worker closed the relay.
     *
     * @return array{flags: int, stream: int, options: list<int>, payload: string, status: int|null,
     *               headers: array<string, list<string>>, body: string}|null
     */
    public function read(): ?array
    {
        $head = $this->bytes(12);
        if ($head === null) {
            return null;
        }
        if (\unpack('V', $head, 6)[1] !== \crc32(\substr($head, 0, 6))) {
            throw new AssertionFailedError('not a frame: ' . self::show($head . $this->buffer) . $this->log());
        }
        $options = \array_values(\unpack('V*', $this->bytes(((\ord($head[0]) & 15) - 3) * 4)) ?: []);
        $payload = $this->bytes(\unpack('V', $head, 2)[1]);
        $context = \json_decode(\substr($payload, 0, $options[0] ?? 0), true);

        return [
            'flags' => \ord($head[1]), 'stream' => \ord($head[10]), 'options' => $options, 'payload' => $payload,
            'status' => $context['status'] ?? null, 'headers' => $context['headers'] ?? [],
            'body' => \substr($payload, $options[0] ?? 0),
        ];
    }

    /**
     * Sends a request with the probe behind it, and returns its only frame once
     * the worker has answered the probe as well.
     *
     * @param array<string, mixed> $context
     *
     * @return array<string, mixed>
     */
    public function ask(string $path, array $context = [], string $body = ''): array
    {
        $this->write(self::request($path, $context, $body) . self::probe());
        $answer = $this->read() ?? throw new AssertionFailedError('the worker is gone' . $this->log());
        $this->expectPid();

        return $answer;
    }

    /** Reads chunks until the stream ends. */
    public function endOfStream(): void
    {
        while (($frame = $this->read())['stream'] === 1);
        Assert::assertSame([8, 0, ''], [$frame['flags'], $frame['stream'], $frame['body']], 'the last frame:');
    }

    /** Reads what answers one probe. */
    public function expectPid(): void
    {
        $reply = $this->read();
        Assert::assertSame(['flags' => 1, 'payload' => '{"pid":' . $this->pid . ',"numbers":true}'], $reply === null
            ? null : ['flags' => $reply['flags'], 'payload' => $reply['payload']], 'the answer to the probe:');
    }

    /**
     * Waits for the end of the process.
     *
     * @return int its exit status
     */
    public function wait(): int
    {
        while ($this->bytes(1) !== null);

        return $this->reap();
    }

    /** As wait, after hangUp. */
    public function reap(): int
    {
        for ($limit = \microtime(true) + 10; \microtime(true) < $limit; \usleep(1000)) {
            $status = \proc_get_status($this->process);
            if (!$status['running']) {
                return $status['exitcode'];
            }
        }
        throw new AssertionFailedError('the worker does not end' . $this->log());
    }

    /** What the worker has written to stderr so far. */
    public function log(): string
    {
        return "\n" . \file_get_contents(\stream_get_meta_data($this->stderr)['uri']);
    }

    /** What it has written to stdout, where that is not the relay. */
    public function printed(): string
    {
        return \file_get_contents(\stream_get_meta_data($this->stdout)['uri']);
    }

    /** Waits until the log contains $text. */
    public function expectLog(string $text): void
    {
        for ($limit = \microtime(true) + 10; \microtime(true) < $limit && !\str_contains($this->log(), $text); \usleep(1000));
        Assert::assertStringContainsString($text, $this->log());
    }

    private function bytes(int $length): ?string
    {
        while (\strlen($this->buffer) < $length) {
            $read = [$this->in];
            $none = null;
            if (\stream_select($read, $none, $none, 10) !== 1) {
                throw new AssertionFailedError('the worker says nothing' . $this->log());
            }
            $bytes = \fread($this->in, 65536);
            if ($bytes === '' || $bytes === false) {
                return null;
            }
            $this->buffer .= $bytes;
        }
        $taken = \substr($this->buffer, 0, $length);
        $this->buffer = \substr($this->buffer, $length);

        return $taken;
    }

    private static function show(mixed $value): string
    {
        return \is_string($value) ? '"' . \addcslashes($value, "\0..\37\"\\\177..\377") . '"' : \var_export($value, true);
    }
}
