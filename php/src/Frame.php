<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * One message of the Goridge protocol, and its bytes. All integers are little endian.
 *
 *     byte 0      version 1 in the high nibble; low nibble: header length in
 *                 32-bit words, options included
 *     byte 1      flags: CONTROL, JSON, ERROR, PROTO
 *     bytes 2-5   payload length
 *     bytes 6-9   CRC-32 of the bytes 0-5
 *     byte 10     stream bits: STREAM, STOP, PING, PONG
 *     byte 11     reserved
 *     bytes 12-   options, four bytes each
 *     then        the payload
 *
 * A data frame has one option, the length of the context: its payload is the
 * context (status and headers, or what describes a request) and then the body.
 */
final class Frame
{
    public const CONTROL = 0x01;
    public const JSON = 0x08;
    public const ERROR = 0x40;
    public const PROTO = 0x80;

    /** More frames of this response follow. */
    public const STREAM = 0x01;
    /** Nobody reads the stream any more. */
    public const STOP = 0x02;
    public const PING = 0x04;
    public const PONG = 0x08;

    /** Bytes of a header without options. */
    public const HEADER = 12;

    /**
     * @param int    $flags   byte 1
     * @param int    $stream  byte 10
     * @param string $context the first part of the payload, as long as the first
     *                        option says; empty where there is no option
     * @param string $body    the rest of the payload
     */
    public function __construct(
        public readonly int $flags,
        public readonly int $stream,
        public readonly string $context,
        public readonly string $body,
    ) {}

    /**
     * Header and context of a data frame, to be followed by exactly $bodyLength bytes.
     */
    public static function data(string $context, int $bodyLength, int $stream = 0): string
    {
        $length = \strlen($context);
        $head = \pack('CCV', 0x14, self::JSON, $length + $bodyLength);

        return $head . \pack('VCCV', \crc32($head), $stream, 0, $length) . $context;
    }

    /**
     * A whole control frame; $message is its JSON text.
     */
    public static function control(string $message): string
    {
        return self::plain(self::CONTROL, $message);
    }

    /**
     * A whole error frame: the request failed with this text, the worker goes on.
     */
    public static function error(string $text): string
    {
        return self::plain(self::ERROR, $text);
    }

    /**
     * A whole frame without options.
     */
    public static function plain(int $flags, string $payload, int $stream = 0): string
    {
        $head = \pack('CCV', 0x13, $flags, \strlen($payload));

        return $head . \pack('VCC', \crc32($head), $stream, 0) . $payload;
    }

    /**
     * Reads the header at $at, of which at least {@see Frame::HEADER} bytes are there.
     *
     * @return array{words: int, flags: int, length: int, crc: int, stream: int}
     *         words counts the options; length is that of the payload
     *
     * @throws ProtocolException when version, length or checksum are wrong
     */
    public static function header(string $bytes, int $at = 0): array
    {
        /** @var array{words: int, flags: int, length: int, crc: int, stream: int} $header */
        $header = \unpack('Cwords/Cflags/Vlength/Vcrc/Cstream', $bytes, $at);
        if ($header['words'] >> 4 !== 1 || $header['crc'] !== \crc32(\substr($bytes, $at, 6))) {
            throw new ProtocolException(\sprintf(
                'not a frame of the protocol: "%s" (something else writes to this relay?)',
                \addcslashes(\substr($bytes, $at, 60), "\0..\37\"\\\177..\377"),
            ));
        }
        $header['words'] = ($header['words'] & 0x0F) - 3;
        if ($header['words'] < 0) {
            throw new ProtocolException('a frame header shorter than 12 bytes');
        }

        return $header;
    }
}
