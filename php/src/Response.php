<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * What the client gets. Immutable.
 *
 * A body that is not a string is streamed: each chunk the iterable yields goes
 * out at once. Status and headers leave with the first chunk, so that a generator
 * that fails before it is still an error to the client; `yield ''` first sends
 * them early. When the client goes away the generator ends at its current
 * `yield`, and its `finally` blocks run; between chunks that are long in coming
 * a `yield ''` sends nothing and gives the worker the chance to notice.
 *
 * Headers named in a header "Trailer" are sent as trailers, after the body.
 */
final class Response
{
    private const JSON = \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_UNESCAPED_SLASHES | \JSON_UNESCAPED_UNICODE;

    /**
     * @param int                                        $status  200 to 599
     * @param array<string, string|int|list<string|int>> $headers values by name
     * @param string|iterable<mixed, string|\Stringable> $body
     */
    public function __construct(
        public readonly int $status = 200,
        public readonly array $headers = [],
        public readonly string|iterable $body = '',
    ) {
        if ($status < 200 || $status > 599) {
            throw new \InvalidArgumentException("a response cannot have the status {$status}");
        }
    }

    /**
     * @param string|iterable<mixed, string|\Stringable> $html
     * @param array<string, string|int|list<string|int>> $headers
     */
    public static function html(string|iterable $html, int $status = 200, array $headers = []): self
    {
        return new self($status, $headers + ['Content-Type' => 'text/html; charset=utf-8'], $html);
    }

    /**
     * @param string|iterable<mixed, string|\Stringable> $text
     * @param array<string, string|int|list<string|int>> $headers
     */
    public static function text(string|iterable $text, int $status = 200, array $headers = []): self
    {
        return new self($status, $headers + ['Content-Type' => 'text/plain; charset=utf-8'], $text);
    }

    /**
     * Bytes that are not UTF-8 are replaced by U+FFFD.
     *
     * @param array<string, string|int|list<string|int>> $headers
     *
     * @throws \JsonException when $data cannot be JSON
     */
    public static function json(mixed $data, int $status = 200, array $headers = []): self
    {
        return new self(
            $status,
            $headers + ['Content-Type' => 'application/json'],
            \json_encode($data, self::JSON | \JSON_THROW_ON_ERROR),
        );
    }

    /**
     * Sends the client elsewhere; 303 makes it ask there with GET, whatever it asked here.
     *
     * @param array<string, string|int|list<string|int>> $headers
     */
    public static function redirect(string $to, int $status = 303, array $headers = []): self
    {
        return new self($status, ['Location' => $to] + $headers);
    }

    /**
     * The response a handler meant: a string is HTML, an array or JsonSerializable
     * is JSON, a generator a stream of HTML, null an answer without content.
     *
     * @internal
     */
    public static function from(mixed $result): self
    {
        return match (true) {
            $result instanceof self => $result,
            \is_string($result), $result instanceof \Stringable => self::html((string) $result),
            \is_array($result), $result instanceof \JsonSerializable => self::json($result),
            $result instanceof \Traversable => self::html($result),
            $result === null => new self(204),
            default => throw new \UnexpectedValueException(
                'the handler returned ' . \get_debug_type($result) . ', want a Response, a string, an array, a generator or null',
            ),
        };
    }

    /**
     * A file that the server sends, with ranges and conditional requests, while the worker
     * takes the next request. The pool's option `sendfile` must name a folder that the file is in.
     *
     * @param string                                     $path    absolute, or relative to a folder of `sendfile`
     * @param array<string, string|int|list<string|int>> $headers a Content-Type is guessed from the file's name
     */
    public static function file(string $path, array $headers = []): self
    {
        return new self(200, ['X-Sendfile' => $path] + $headers);
    }

    /**
     * The context of a response frame. Bytes are kept as they are, also where they are not UTF-8.
     *
     * @param array<string, string|int|list<string|int>> $headers
     *
     * @internal
     */
    public static function context(int $status, array $headers): string
    {
        if ($headers === []) {
            return '{"status":' . $status . ',"headers":{}}';
        }
        foreach ($headers as $name => $values) {
            if (!\is_array($values)) {
                $headers[$name] = [(string) $values];
            } elseif (\count($values) !== 1 || !\is_string($values[0] ?? null)) { // else it is what it must be
                $headers[$name] = \array_map('strval', \array_values($values));
            }
        }
        // The cast keeps a header called "0" from making the object a list.
        $json = \json_encode((object) $headers, \JSON_UNESCAPED_SLASHES | \JSON_UNESCAPED_UNICODE);

        return '{"status":' . $status . ',"headers":' . ($json === false ? self::bytes($headers) : $json) . '}';
    }

    /**
     * What json_encode() refuses: the server takes any byte within a string.
     *
     * @param array<string, list<string>> $headers
     */
    private static function bytes(array $headers): string
    {
        $quote = static fn(string $text): string => '"' . \preg_replace_callback(
            '/["\\\\\x00-\x1f]/',
            static fn(array $match): string => \sprintf('\\u%04x', \ord($match[0])),
            $text,
        ) . '"';
        $members = [];
        foreach ($headers as $name => $values) {
            $members[] = $quote((string) $name) . ':[' . \implode(',', \array_map($quote, $values)) . ']';
        }

        return '{' . \implode(',', $members) . '}';
    }
}
