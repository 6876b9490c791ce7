<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * Frames over a pair of byte streams, with its own read buffer: a read takes
 * whatever has arrived, be it half a header or several frames, and nothing of
 * it is lost. What is written waits in a queue until {@see Channel::flush()},
 * so that a request costs one read and one write.
 *
 * @internal
 */
final class Channel
{
    /** Bytes asked of a read between frames; asking for more costs microseconds of allocation. */
    private const READ = 16384;

    /** Bytes asked of a read within a big frame: what a pipe of Linux holds. */
    private const CHUNK = 65536;

    /** Above this size a body is written on its own instead of being copied behind its header. */
    private const COPY = 131072;

    private string $buffer = '';

    /** Where the next frame starts in the buffer. */
    private int $offset = 0;

    /** Up to where {@see Channel::stopRequested()} has looked; always the start of a frame. */
    private int $scanned = 0;

    private bool $closed = false;

    /** The process that reads and writes; null while that is not settled. */
    private ?int $owner = null;

    private string $queue = '';

    /** What PHP has said of the last write; empty where it succeeded, or was interrupted. */
    private string $failure = '';

    /**
     * Instead of the application's handler of errors, which may throw even where an error is silenced.
     *
     * @var \Closure(int, string): bool
     */
    private readonly \Closure $silence;

    /**
     * @param resource $source
     * @param resource $sink   may be the same as $source
     */
    public function __construct(private $source, private $sink)
    {
        $this->silence = function (int $level, string $message): bool {
            $this->failure = $message;

            return true;
        };
        \stream_set_blocking($source, true);
        \stream_set_blocking($sink, true);
        // PHP's own buffer would cut reads to 8 KiB, and copy every byte once more.
        \stream_set_read_buffer($source, 0);
        \stream_set_write_buffer($sink, 0);
    }

    /**
     * Ties the relay to this process: in any other, which has been forked from it, reading and writing throws.
     *
     * @return int its id
     */
    public function own(): int
    {
        return $this->owner ??= (int) \getmypid();
    }

    /**
     * The next frame; blocks until it is complete. Null when the server closed
     * the relay between two frames.
     *
     * @throws RelayClosed       when it closed it within one
     * @throws ProtocolException when the bytes are not a frame
     * @throws Forked
     */
    public function receive(): ?Frame
    {
        $this->own() === \getmypid() || throw new Forked();
        while (\strlen($this->buffer) - $this->offset < Frame::HEADER) {
            if (!$this->fill()) {
                return \strlen($this->buffer) === $this->offset ? null : throw self::cut();
            }
        }
        $header = Frame::header($this->buffer, $this->offset);
        $this->offset += Frame::HEADER;
        $length = $header['length'];
        $split = $number = 0;
        if ($header['words'] > 0) {
            $options = \unpack('V*', $this->take($header['words'] * 4));
            $split = $options[1];
            $number = $options[2] ?? 0;
            if ($split > $length) {
                throw new ProtocolException("a frame whose context ({$split} bytes) is longer than its payload ({$length} bytes)");
            }
        }
        $context = $this->take($split);
        $body = $this->take($length - $split);
        if ($this->offset === \strlen($this->buffer)) {
            $this->buffer = '';
            $this->offset = 0;
        }
        $this->scanned = $this->offset;

        return new Frame($header['flags'], $header['stream'], $context, $body, $number);
    }

    /**
     * The next frame if it is a control frame and has arrived whole; never blocks.
     */
    public function bufferedControl(): ?Frame
    {
        if (\strlen($this->buffer) - $this->offset < Frame::HEADER || !Frame::isControl($this->buffer, $this->offset)) {
            return null;
        }
        $header = Frame::header($this->buffer, $this->offset);
        $end = $this->offset + Frame::HEADER + $header['words'] * 4 + $header['length'];

        return $end <= \strlen($this->buffer) ? $this->receive() : null;
    }

    /**
     * Whether the server has asked for the end of the current stream, or closed
     * the relay. Never blocks. Takes the STOP frame out; every other frame stays
     * where it is, in order, for {@see Channel::receive()}.
     *
     * @throws Forked
     */
    public function stopRequested(): bool
    {
        $this->own() === \getmypid() || throw new Forked();
        while (!$this->closed && $this->ready([$this->source], [], 0)) {
            $this->fill();
        }
        while ($this->scanned + Frame::HEADER <= \strlen($this->buffer)) {
            $header = Frame::header($this->buffer, $this->scanned);
            $size = Frame::HEADER + $header['words'] * 4 + $header['length'];
            if (($header['stream'] & Frame::STOP) !== 0 && $this->scanned + $size <= \strlen($this->buffer)) {
                $this->buffer = \substr($this->buffer, 0, $this->scanned) . \substr($this->buffer, $this->scanned + $size);

                return true;
            }
            $this->scanned += $size;
        }

        return $this->closed;
    }

    /**
     * Queues bytes; only what is too big to be copied is written at once.
     */
    public function push(string $head, string $body = ''): void
    {
        $this->queue .= $head;
        if (\strlen($body) > self::COPY) {
            $this->flush();
            $this->write($body);
        } else {
            $this->queue .= $body;
        }
    }

    /**
     * Writes what is queued; blocks until the server has taken it.
     *
     * @throws RelayClosed
     * @throws Forked
     */
    public function flush(): void
    {
        if ($this->queue !== '') {
            $queue = $this->queue;
            $this->queue = '';
            $this->write($queue);
        }
    }

    private function write(string $bytes): void
    {
        $this->own() === \getmypid() || throw new Forked();
        while ($bytes !== '') {
            $this->failure = '';
            \set_error_handler($this->silence);
            try {
                $written = \fwrite($this->sink, $bytes);
            } finally {
                \restore_error_handler();
            }
            if ($written === false && $this->failure !== '' && !\str_contains($this->failure, 'errno=4 ')) {
                throw new RelayClosed('the server closed the relay before it took an answer');
            }
            // Else a signal may have interrupted it: of a pipe PHP says nothing then, of a socket errno 4.
            if ($written === false || $written === 0) {
                $this->ready([], [$this->sink], 1);
            } else {
                $bytes = $written === \strlen($bytes) ? '' : \substr($bytes, $written);
            }
        }
    }

    /** Exactly $length bytes from the start of what is unread; blocks for those that are missing. */
    private function take(int $length): string
    {
        if ($this->offset + $length <= \strlen($this->buffer)) {
            $taken = \substr($this->buffer, $this->offset, $length);
            $this->offset += $length;

            return $taken;
        }
        $taken = \substr($this->buffer, $this->offset);
        $this->buffer = '';
        $this->offset = 0;
        // Never beyond the frame, hence straight into the result: a big body is held once, not twice.
        while (($missing = $length - \strlen($taken)) > self::READ) {
            $taken .= $this->read(\min($missing, self::CHUNK)) ?? throw self::cut();
        }
        while (\strlen($this->buffer) < $missing) {
            $this->fill() || throw self::cut();
        }
        $this->offset = $missing;
        $taken .= \substr($this->buffer, 0, $missing);

        return $taken;
    }

    private function fill(): bool
    {
        $bytes = $this->read(self::READ);
        if ($bytes === null) {
            return false;
        }
        if ($this->offset > self::CHUNK) {
            $this->buffer = \substr($this->buffer, $this->offset);
            $this->scanned -= $this->offset;
            $this->offset = 0;
        }
        $this->buffer .= $bytes;

        return true;
    }

    /** What has arrived, at least one byte and at most $most; null at the end. */
    private function read(int $most): ?string
    {
        while (!$this->closed) {
            \set_error_handler($this->silence);
            try {
                $bytes = \fread($this->source, $most);
            } finally {
                \restore_error_handler();
            }
            if ($bytes !== false && $bytes !== '') {
                return $bytes;
            }
            // Neither bytes nor the end: a signal interrupted the read.
            $this->closed = \feof($this->source);
        }

        return null;
    }

    /**
     * Whether one of these is ready, or gone.
     *
     * @param list<resource> $read
     * @param list<resource> $write
     */
    private function ready(array $read, array $write, int $seconds): bool
    {
        $none = null;
        \set_error_handler($this->silence);
        try {
            return \stream_select($read, $write, $none, $seconds) > 0;
        } finally {
            \restore_error_handler();
        }
    }

    private static function cut(): RelayClosed
    {
        return new RelayClosed('the server closed the relay in the middle of a frame');
    }
}
