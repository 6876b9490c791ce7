<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

/**
 * Stands in for PHP's wrapper of php://, while a request with a body is answered, so that
 * php://input is that body. Everything else is PHP's own.
 *
 * @internal
 */
final class Input
{
    /** STREAM_OPEN_FOR_INCLUDE, which PHP does not tell its scripts. */
    private const INCLUDE = 0x80;

    private static string $body = '';

    /** @var resource|null */
    public $context;

    /** @var resource */
    private $stream;

    /** Whether one of this class has just been asked for something. */
    private static bool $asked = false;

    /**
     * PHP never frees what it keeps for a wrapper that was registered: some 150 bytes. So this one stays behind the
     * request, until something else is opened below php://.
     */
    public static function install(string $body): void
    {
        self::$body = $body;
        self::$asked = false;
        @\file_exists('php://input');
        self::$asked || self::register();
    }

    public static function remove(): void
    {
        self::$body = '';
    }

    private static function register(): void
    {
        \stream_wrapper_unregister('php');
        \stream_wrapper_register('php', self::class);
    }

    public function stream_open(string $path, string $mode, int $options): bool
    {
        // What a client sends is no code: PHP's own wrapper refuses that, too.
        if (($options & self::INCLUDE) !== 0 && !\ini_get('allow_url_include')) {
            return false;
        }
        if (\strcasecmp($path, 'php://input') === 0 && \ini_get('allow_url_fopen')) {
            $stream = \fopen('data:application/octet-stream;base64,' . \base64_encode(self::$body), 'rb');
        } else {
            $stream = $this->native($path, $mode);
        }
        if ($stream === false) {
            return false;
        }
        $this->stream = $stream;

        return true;
    }

    /**
     * What PHP's own wrapper opens.
     *
     * @return resource|false
     */
    private function native(string $path, string $mode)
    {
        @\stream_wrapper_restore('php');
        try {
            if (\strcasecmp($path, 'php://input') === 0) {
                $stream = \fopen('php://memory', 'w+b');
                if ($stream !== false) {
                    \fwrite($stream, self::$body);
                    \rewind($stream);
                }

                return $stream;
            }

            return $this->context === null ? \fopen($path, $mode) : \fopen($path, $mode, false, $this->context);
        } finally {
            self::$body === '' || self::register();
        }
    }

    public function stream_read(int $count): string|false
    {
        return \fread($this->stream, \max(1, $count));
    }

    public function stream_write(string $bytes): int
    {
        return (int) \fwrite($this->stream, $bytes);
    }

    public function stream_eof(): bool
    {
        return \feof($this->stream);
    }

    public function stream_seek(int $offset, int $whence = \SEEK_SET): bool
    {
        return \fseek($this->stream, $offset, $whence) === 0;
    }

    public function stream_tell(): int
    {
        return (int) \ftell($this->stream);
    }

    public function stream_truncate(int $size): bool
    {
        return \ftruncate($this->stream, \max(0, $size));
    }

    public function stream_flush(): bool
    {
        return \fflush($this->stream);
    }

    /**
     * @return array<int|string, int>|false
     */
    public function stream_stat(): array|false
    {
        return \fstat($this->stream);
    }

    /**
     * As of PHP's own: there is no file.
     */
    public function url_stat(string $path, int $flags): bool
    {
        self::$asked = true;

        return false;
    }

    public function stream_set_option(int $option, int $first, ?int $second): bool
    {
        return match ($option) {
            \STREAM_OPTION_BLOCKING => \stream_set_blocking($this->stream, (bool) $first),
            \STREAM_OPTION_READ_TIMEOUT => \stream_set_timeout($this->stream, $first, (int) $second),
            default => false,
        };
    }

    /**
     * @return resource
     */
    public function stream_cast()
    {
        return $this->stream;
    }

    public function stream_close(): void
    {
        \fclose($this->stream);
    }
}
