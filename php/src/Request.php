<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * What a client asked for. Immutable. Nothing of it is taken from, or written to, PHP's
 * superglobals, but $_COOKIE, where `session_start()` looks.
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
     * @param string                            $body       as it was sent; empty when the server
     *                                                      has parsed it as a form
     * @param array<array-key, mixed>|null      $parsedBody the form, like $_POST; null when the
     *                                                      body is not one
     * @param array<array-key, mixed>           $files      {@see Upload} by field, nested as the names say
     * @param array<string, string>             $cookies    decoded
     * @param array<string, mixed>              $attributes what the site's configuration adds
     * @param string                            $remoteAddr the client's address, without a port
     * @param string                            $protocol   "HTTP/1.1", "HTTP/2.0" or "HTTP/3.0"
     * @param string|null                       $rawQuery   null takes it from $uri
     * @param string                            $formText   a form as it was sent, besides what the server has parsed; empty
     *                                                      for a multipart one, and one longer than body_memory
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
        public readonly string $formText = '',
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
     * What PHP-FPM has in $_SERVER of such a request: REQUEST_METHOD, REQUEST_URI, HTTP_* and so on.
     *
     * @param string $script the front controller, for SCRIPT_NAME and SCRIPT_FILENAME
     *
     * @return array<string, mixed>
     */
    public function serverVariables(string $script = 'index.php'): array
    {
        $mark = \strcspn($this->uri, '?#');
        $from = \strpos($this->uri, '://');
        $https = false;
        $host = 'localhost';
        if ($from !== false && $from < $mark) {
            $https = \strncasecmp($this->uri, 'https', 5) === 0;
            $host = \substr($this->uri, $from + 3, \strcspn($this->uri, '/?#', $from + 3));
        }
        $port = $https ? '443' : '80';
        $name = $host;
        if (\preg_match('/^(.*):(\d+)$/', $host, $match) === 1) {
            [, $name, $port] = $match;
        }
        $file = '/' . \basename($script);
        $now = \microtime(true);
        $server = [
            'GATEWAY_INTERFACE' => 'CGI/1.1',
            'SERVER_SOFTWARE' => 'Caddy',
            'SERVER_PROTOCOL' => $this->protocol,
            'SERVER_NAME' => $name,
            'SERVER_PORT' => $port,
            'REQUEST_SCHEME' => $https ? 'https' : 'http',
            'REQUEST_METHOD' => $this->method,
            'REQUEST_URI' => $this->path . ($this->rawQuery === '' ? '' : '?' . $this->rawQuery),
            'QUERY_STRING' => $this->rawQuery,
            'REMOTE_ADDR' => $this->remoteAddr,
            'SCRIPT_NAME' => $file,
            'SCRIPT_FILENAME' => $script,
            'PHP_SELF' => $file,
            'DOCUMENT_ROOT' => \dirname($script),
            'REQUEST_TIME' => (int) $now,
            'REQUEST_TIME_FLOAT' => $now,
        ];
        if ($https) {
            $server['HTTPS'] = 'on';
        }
        foreach ($this->headers as $header => $values) {
            $key = \strtoupper(\strtr((string) $header, '-', '_'));
            $server[$key === 'CONTENT_TYPE' || $key === 'CONTENT_LENGTH' ? $key : "HTTP_{$key}"] = \implode($key === 'COOKIE' ? '; ' : ', ', $values);
        }
        $server['HTTP_HOST'] ??= $host;
        // As PHP itself does it: user and password of Basic, or the text of Digest.
        [$scheme, $credentials] = \explode(' ', (string) ($server['HTTP_AUTHORIZATION'] ?? ''), 2) + [1 => ''];
        if (\strcasecmp($scheme, 'Basic') === 0 && ($pair = \base64_decode($credentials, true)) !== false && \str_contains($pair, ':')) {
            [$server['PHP_AUTH_USER'], $server['PHP_AUTH_PW']] = \explode(':', $pair, 2);
        } elseif (\strcasecmp($scheme, 'Digest') === 0) {
            $server['PHP_AUTH_DIGEST'] = $credentials;
        }

        return $server;
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
        $form = $parsed ? (array) \json_decode($frame->body, true, 512, \JSON_INVALID_UTF8_SUBSTITUTE) : null;
        if ($form !== null && isset($context['filled'])) {
            $form = self::without($form, $context['filled']);
        }
        // A file field left empty is an upload with UPLOAD_ERR_NO_FILE, as in $_FILES.
        $uploads = $context['allUploads'] ?? $context['uploads'] ?? null;

        return new self(
            $context['method'],
            $context['uri'],
            $context['headers'] ?? [],
            $parsed ? '' : $frame->body,
            $form,
            $uploads === null ? [] : Upload::tree($uploads),
            $context['cookies'] ?? [],
            $context['attributes'] ?? [],
            $context['remoteAddr'] ?? '',
            $context['protocol'] ?? 'HTTP/1.1',
            $context['rawQuery'] ?? null,
            $context['form'] ?? (isset($context['form64']) ? (string) \base64_decode($context['form64']) : ''),
        );
    }

    /**
     * The form without the groups that the server has filled in where a file field was left
     * empty: frameworks on RoadRunner's packages look for them, PHP has none.
     *
     * @param array<array-key, mixed> $form
     * @param array<array-key, mixed> $filled nested like the form; 1 marks what has to go
     *
     * @return array<array-key, mixed>
     */
    private static function without(array $form, array $filled): array
    {
        foreach ($filled as $key => $what) {
            if (!\is_array($what)) {
                unset($form[$key]);
            } elseif (\is_array($form[$key] ?? null)) {
                $form[$key] = self::without($form[$key], $what);
            }
        }

        return $form;
    }
}
