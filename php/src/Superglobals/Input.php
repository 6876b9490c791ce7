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

    /** @var resource|null what PHP's own wrapper has opened; null: this is the body */
    private $stream;

    /** Of the body: it costs no memory beside the one that is there. */
    private string $text = '';

    private int $at = 0;

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
        if (\strcasecmp($path, 'php://input') === 0) {
            $this->text = self::$body;

            return true;
        }
        $stream = $this->native($path, $mode);
        if ($stream === false) {
            return false;
        }
        $this->stream = $stream;

        return true;
    }

    /**
     * What PHP's own wrapper opens. It knows nothing of the body, which php://filter may be for.
     *
     * @return resource|false
     */
    private function native(string $path, string $mode)
    {
        if (\preg_match('~^(php://filter/.+/resource=)php://input$~is', $path, $filter)) {
            $path = $filter[1] . 'data:application/octet-stream;base64,' . \base64_encode(self::$body);
        }
        @\stream_wrapper_restore('php');
        try {
            return $this->context === null ? \fopen($path, $mode) : \fopen($path, $mode, false, $this->context);
        } finally {
            self::$body === '' || self::register();
        }
    }

    public function stream_read(int $count): string|false
    {
        if ($this->stream !== null) {
            return \fread($this->stream, \max(1, $count));
        }
        $part = \substr($this->text, $this->at, $count);
        $this->at += \strlen($part);

        return $part;
    }

    public function stream_write(string $bytes): int
    {
        return $this->stream === null ? 0 : (int) \fwrite($this->stream, $bytes);
    }

    public function stream_eof(): bool
    {
        return $this->stream === null ? $this->at >= \strlen($this->text) : \feof($this->stream);
    }

    public function stream_seek(int $offset, int $whence = \SEEK_SET): bool
    {
        if ($this->stream !== null) {
            return \fseek($this->stream, $offset, $whence) === 0;
        }
        $to = $offset + match ($whence) {
            \SEEK_CUR => $this->at,
            \SEEK_END => \strlen($this->text),
            default => 0,
        };
        if ($to < 0 || $to > \strlen($this->text)) {
            return false;
        }
        $this->at = $to;

        return true;
    }

    public function stream_tell(): int
    {
        return $this->stream === null ? $this->at : (int) \ftell($this->stream);
    }

    public function stream_truncate(int $size): bool
    {
        return $this->stream !== null && \ftruncate($this->stream, \max(0, $size));
    }

    public function stream_flush(): bool
    {
        return $this->stream === null || \fflush($this->stream);
    }

    /**
     * @return array<int|string, int>|false
     */
    public function stream_stat(): array|false
    {
        return $this->stream === null ? ['mode' => 0100444, 'size' => \strlen($this->text)] : \fstat($this->stream);
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
        return $this->stream !== null && match ($option) {
            \STREAM_OPTION_BLOCKING => \stream_set_blocking($this->stream, (bool) $first),
            \STREAM_OPTION_READ_TIMEOUT => \stream_set_timeout($this->stream, $first, (int) $second),
            default => false,
        };
    }

    /**
     * @return resource|false
     */
    public function stream_cast()
    {
        return $this->stream ?? false;
    }

    public function stream_close(): void
    {
        $this->stream === null || \fclose($this->stream);
    }
}
