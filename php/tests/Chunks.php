<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

/**
 * A stream (chunks://) that gives its reader exactly the pieces it was told, one
 * per read, and counts the writes: where bytes split is not left to the kernel.
 */
final class Chunks
{
    /** @var list<string> pieces the next reads return; then the end */
    public static array $reads = [];

    /** @var list<string> what each write brought */
    public static array $writes = [];

    /** @var resource|null */
    public $context;

    /**
     * @param list<string> $reads
     *
     * @return resource
     */
    public static function open(array $reads = [])
    {
        self::$reads = $reads;
        self::$writes = [];

        return \fopen('chunks://', 'r+b');
    }

    public function stream_open(): bool
    {
        return true;
    }

    public function stream_read(int $count): string
    {
        $piece = \array_shift(self::$reads) ?? '';
        if (\strlen($piece) > $count) {
            \array_unshift(self::$reads, \substr($piece, $count));
        }

        return \substr($piece, 0, $count);
    }

    public function stream_write(string $bytes): int
    {
        self::$writes[] = $bytes;

        return \strlen($bytes);
    }

    public function stream_eof(): bool
    {
        return self::$reads === [];
    }

    public function stream_set_option(): bool
    {
        return true;
    }
}
