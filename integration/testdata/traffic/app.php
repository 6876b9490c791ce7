<?php

declare(strict_types=1);

/** Ends the process; where exit() ends but the request, or answers it, in the hard way. */
function leave(): never
{
    if (defined('PAGE')) {
        posix_kill(getmypid(), 9);
    }
    exit(7);
}

/**
 * One request of the traffic: the query says what is done, see {@see Asked::carryOut()}.
 */
final class Asked
{
    private readonly string $id;

    /** The first line of every answer, and its header X-Echo: what has arrived here. */
    private readonly string $echo;

    public function __construct(
        private readonly string $method,
        private readonly array $query,
        string $body,
    ) {
        $this->id = (string) ($query['id'] ?? 'none');
        $this->echo = implode('|', [$this->id, $method, strlen($body), md5($body)]);
    }

    /**
     * Notes the execution and does what is asked. Pads are made of the identity only, so
     * that a piece of another answer is seen wherever it stands.
     */
    public function carryOut(): Done
    {
        Journal::note('begun', $this->id, $this->method);
        $ms = (int) ($this->query['ms'] ?? 0);
        switch ($this->query['do'] ?? 'answer') {
            case 'answer':
                usleep(1000 * $ms);

                return $this->done($this->whole());
            case 'stream':
                return $this->done($this->chunks($ms));
            case 'tail':
                return $this->done($this->whole(), function () use ($ms): void {
                    usleep(1000 * $ms);
                    Journal::note('after', $this->id, $this->method);
                });
            case 'error':
                return new Done(error: "an error of {$this->id}");
            case 'exit':
                leave();
            case 'exit-after':
                return $this->done($this->whole(), leave(...));
            case 'exit-within':
                return $this->done($this->chunks($ms, leave(...)));
            case 'memory':
                str_repeat('x', 1 << 30);
        }

        return new Done(error: 'no such request');
    }

    private function done(string|Generator $body, ?Closure $after = null): Done
    {
        return new Done(['Content-Type' => ['text/plain'], 'X-Echo' => [$this->echo]], $body, $after);
    }

    private function whole(): string
    {
        $size = (int) ($this->query['n'] ?? 0);
        $unit = $this->id . ';';

        return $this->echo . "\n" . substr(str_repeat($unit, intdiv($size, strlen($unit)) + 1), 0, $size);
    }

    private function chunks(int $pause, ?Closure $end = null): Generator
    {
        yield $this->echo . "\n";
        for ($i = 0; $i < (int) ($this->query['n'] ?? 0); $i++) {
            usleep(1000 * $pause);
            yield str_repeat("{$this->id}#{$i};", (int) ($this->query['c'] ?? 1));
        }
        $end && $end();

        return '';
    }
}

/**
 * How a request is to be answered: with a body, whole or streamed, and perhaps work
 * after it; or with an error.
 */
final class Done
{
    public function __construct(
        public readonly array $headers = [],
        public readonly string|Generator $body = '',
        public readonly ?Closure $after = null,
        public readonly ?string $error = null,
    ) {}
}

/**
 * The file in which every execution is written down: one line, in one write, so that
 * the lines of several processes do not mix and a kill loses none.
 */
final class Journal
{
    private static mixed $file = null;

    public static function note(string $what, string $id, string $method): void
    {
        if (self::$file === null) {
            self::$file = fopen(getenv('JOURNAL'), 'ab');
            stream_set_write_buffer(self::$file, 0);
        }
        fwrite(self::$file, implode(' ', [$what, $id, $method, getmypid()]) . "\n");
    }
}
