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
 * A server that knows numbers adds the number of the request as a second one, and each
 * frame of the answer returns it: so an answer can never be taken for another one's.
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
    /** With the last frame of an answer: nothing is left to do for its request. */
    public const DONE = 0x10;

    /** Bytes of a header without options. */
    public const HEADER = 12;

    /**
     * @param int    $flags   byte 1
     * @param int    $stream  byte 10
     * @param string $context the first part of the payload, as long as the first
     *                        option says; empty where there is no option
     * @param string $body    the rest of the payload
     * @param int    $number  the second option, the number of a request; 0 where there is none
     */
    public function __construct(
        public readonly int $flags,
        public readonly int $stream,
        public readonly string $context,
        public readonly string $body,
        public readonly int $number = 0,
    ) {}

    /**
     * Header and context of a data frame, to be followed by exactly $bodyLength bytes.
     */
    public static function data(string $context, int $bodyLength, int $stream = 0, int $number = 0): string
    {
        $length = \strlen($context);
        if ($number === 0) {
            $head = \pack('CCV', 0x14, self::JSON, $length + $bodyLength);

            return $head . \pack('VCCV', \crc32($head), $stream, 0, $length) . $context;
        }
        $head = \pack('CCV', 0x15, self::JSON, $length + $bodyLength);

        return $head . \pack('VCCVV', \crc32($head), $stream, 0, $length, $number) . $context;
    }

    /**
     * A whole control frame; $message is its JSON text.
     */
    public static function control(string $message, int $number = 0): string
    {
        return self::plain(self::CONTROL, $message, 0, $number);
    }

    /**
     * A whole error frame: the request failed with this text, the worker goes on.
     */
    public static function error(string $text, int $stream = 0, int $number = 0): string
    {
        return self::plain(self::ERROR, $text, $stream, $number);
    }

    /**
     * A whole frame without a context: it has no options, or those of an empty context and a number.
     */
    public static function plain(int $flags, string $payload, int $stream = 0, int $number = 0): string
    {
        $head = \pack('CCV', $number === 0 ? 0x13 : 0x15, $flags, \strlen($payload));
        $options = $number === 0 ? '' : \pack('VV', 0, $number);

        return $head . \pack('VCC', \crc32($head), $stream, 0) . $options . $payload;
    }

    /**
     * Whether the header at $at, which need not be a right one, is that of a control frame.
     */
    public static function isControl(string $bytes, int $at): bool
    {
        return (\ord($bytes[$at + 1]) & self::CONTROL) !== 0;
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
