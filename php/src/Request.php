<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * What a client asked for. Immutable; nothing of it is taken from, or written to,
 * PHP's superglobals.
 */
final class Request
{
    /** The path as it was sent: percent-encoded, starting with a slash. */
    public readonly string $path;

    /** What follows the question mark, as it was sent. */
    public readonly string $rawQuery;

    /** @var array<array-key, mixed> the query as PHP nests it, like $_GET */
    public readonly array $query;

    /** @var array<string, list<string>> values by lower-case name */
    public readonly array $headers;

    /**
     * @param string                            $uri        absolute, with the query
     * @param array<string, string|list<string>> $headers    names in any case
     * @param array<string, string>             $cookies    decoded
     * @param string                            $remoteAddr the client's address, without a port
     * @param string                            $protocol   "HTTP/1.1", "HTTP/2.0" or "HTTP/3.0"
     * @param array<string, mixed>              $attributes what the site's configuration adds
     * @param string                            $body       as it was sent; empty when the server
     *                                                      has parsed it as a form
     * @param array<array-key, mixed>|null      $parsedBody the form, like $_POST; null when the
     *                                                      body is not one
     * @param array<array-key, mixed>           $files      {@see Upload} by field, nested as the names say
     * @param string|null                       $rawQuery   null takes it from $uri
     */
    public function __construct(
        public readonly string $method = 'GET',
        public readonly string $uri = 'http://localhost/',
        array $headers = [],
        public readonly string $body = '',
        public readonly ?array $parsedBody = null,
        public readonly array $files = [],
        public readonly array $cookies = [],
        public readonly array $attributes = [],
        public readonly string $remoteAddr = '127.0.0.1',
        public readonly string $protocol = 'HTTP/1.1',
        ?string $rawQuery = null,
    ) {
        // Not parse_url(): it refuses, or rewrites, paths that clients do send.
        $mark = \strcspn($uri, '?#');
        $host = \strpos($uri, '://');
        $slash = $host === false || $host > $mark ? 0 : \strpos($uri, '/', $host + 3);
        $path = $slash === false || $slash > $mark ? '' : \substr($uri, $slash, $mark - $slash);
        $this->path = $path === '' ? '/' : $path;
        $this->rawQuery = $rawQuery ?? (($uri[$mark] ?? '') === '?' ? \explode('#', \substr($uri, $mark + 1), 2)[0] : '');

        $query = [];
        if ($this->rawQuery !== '') {
            \parse_str($this->rawQuery, $query);
        }
        $this->query = $query;

        foreach ($headers as $name => $values) {
            if (!\is_array($values)) {
                $headers[$name] = [$values];
            }
        }
        $this->headers = \array_change_key_case($headers);
    }

    /**
     * The value of a header, whatever the case of $name; several are joined by ", ".
     */
    public function header(string $name, string $default = ''): string
    {
        $values = $this->headers[\strtolower($name)] ?? null;

        return $values === null ? $default : \implode(', ', $values);
    }

    /**
     * The file uploaded in the field $name, for example "photo" or "photos[0]";
     * null when there is none, or several.
     */
    public function file(string $name): ?Upload
    {
        $node = $this->files;
        foreach (\explode('[', \str_replace(']', '', $name)) as $key) {
            $node = \is_array($node) ? ($node[$key] ?? null) : null;
        }

        return $node instanceof Upload ? $node : null;
    }

    /**
     * @throws ProtocolException when the frame does not describe a request
     *
     * @internal
     */
    public static function fromFrame(Frame $frame): self
    {
        if (($frame->flags & Frame::PROTO) !== 0) {
            throw new ProtocolException('this worker does not speak protobuf: write "codec json" in the php_worker block');
        }
        $context = \json_decode($frame->context, true, 512, \JSON_INVALID_UTF8_SUBSTITUTE);
        if (!\is_array($context) || !isset($context['method'], $context['uri'])) {
            throw new ProtocolException('a request without method and uri: ' . \substr($frame->context, 0, 200));
        }
        $parsed = $context['parsed'] ?? false;

        return new self(
            $context['method'],
            $context['uri'],
            $context['headers'] ?? [],
            $parsed ? '' : $frame->body,
            $parsed ? (array) \json_decode($frame->body, true, 512, \JSON_INVALID_UTF8_SUBSTITUTE) : null,
            isset($context['uploads']) ? Upload::tree($context['uploads']) : [],
            $context['cookies'] ?? [],
            $context['attributes'] ?? [],
            $context['remoteAddr'] ?? '',
            $context['protocol'] ?? 'HTTP/1.1',
            $context['rawQuery'] ?? null,
        );
    }
}
