<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

use PhpWorker\Cookie;

/**
 * The status and headers that header() and its siblings collect during one request.
 *
 * @internal
 */
final class Headers
{
    private int $code = 200;

    /** @var list<array{string, string, string}> names as they were given, values, whole lines */
    private array $lines = [];

    /** @var (callable(): mixed)|null runs before they are sent */
    private $callback = null;

    /**
     * What header_register_callback() has asked for, once; and the type that PHP gives what has none.
     */
    public function complete(): void
    {
        $callback = $this->callback;
        $this->callback = null;
        $callback === null || $callback();
        if (!$this->has('Content-Type')) {
            $type = (string) \ini_get('default_mimetype');
            $charset = (string) \ini_get('default_charset');
            $type === '' || $this->lines[] = ['Content-Type', $type . ($charset === '' ? '' : "; charset={$charset}"), ''];
        }
    }

    public function status(): int
    {
        return $this->code;
    }

    /**
     * @return array<string, list<string>> values by name
     */
    public function all(): array
    {
        $headers = $names = [];
        foreach ($this->lines as [$name, $value]) {
            $names[\strtolower($name)] ??= $name;
            $headers[$names[\strtolower($name)]][] = $value;
        }

        return $headers;
    }

    /**
     * @return list<string>
     */
    public function list(): array
    {
        return \array_column($this->lines, 2);
    }

    /**
     * @return array<string, string> the last value by name
     */
    public function map(): array
    {
        return \array_column($this->lines, 1, 0);
    }

    public function has(string $name): bool
    {
        foreach ($this->lines as $line) {
            if (\strcasecmp($line[0], $name) === 0) {
                return true;
            }
        }

        return false;
    }

    /**
     * @param callable(): mixed $callback
     */
    public function registerCallback(callable $callback): bool
    {
        $this->callback = $callback;

        return true;
    }

    /**
     * As http_response_code(): returns the code so far, and 0 sets none.
     */
    public function code(int $code = 0): int
    {
        $before = $this->code;
        $this->code = $code ?: $before;

        return $before;
    }

    public function header(string $header, bool $replace = true, int $code = 0): void
    {
        $header = \rtrim($header);
        if (\strpbrk($header, "\r\n\0") !== false) {
            \trigger_error('Header may not contain more than a single header, new line detected', \E_USER_WARNING);

            return;
        }
        if (\strncasecmp($header, 'HTTP/', 5) === 0) {
            $this->code = (int) (\explode(' ', $header, 3)[1] ?? 0) ?: $this->code;

            return;
        }
        $colon = \strpos($header, ':');
        if ($colon === false || $colon === 0) {
            return;
        }
        $name = \trim(\substr($header, 0, $colon));
        $value = \ltrim(\substr($header, $colon + 1));
        switch (\strtolower($name)) {
            case '':
                return;
            case 'status':
                $this->code = (int) $value ?: $this->code;

                return;
            case 'content-type':
                $value = self::withCharset($value);
                $header = "{$name}: {$value}";
                break;
            case 'location':
                if ($code === 0 && $this->code !== 201 && \intdiv($this->code, 100) !== 3) {
                    $code = 302;
                }
                break;
            case 'www-authenticate':
                $code = $code ?: 401;
        }
        if ($replace) {
            $this->remove($name);
        }
        $this->lines[] = [$name, $value, $header];
        $this->code = $code ?: $this->code;
    }

    public function remove(?string $name): void
    {
        if ($name === null) {
            $this->lines = [];
        } elseif ($this->has($name)) {
            $this->lines = \array_values(\array_filter($this->lines, static fn(array $line): bool => \strcasecmp($line[0], $name) !== 0));
        }
    }

    /**
     * @param int|array<string, mixed> $options
     */
    public function cookie(bool $encode, string $name, string $value = '', int|array $options = 0, string $path = '', string $domain = '', bool $secure = false, bool $httponly = false): bool
    {
        if (!\is_array($options)) {
            $options = ['expires' => $options, 'path' => $path, 'domain' => $domain, 'secure' => $secure, 'httponly' => $httponly];
        }
        $cookie = Cookie::line($name, $encode ? \rawurlencode($value) : $value, $options);
        $this->lines[] = ['Set-Cookie', $cookie, "Set-Cookie: {$cookie}"];

        return true;
    }

    /** PHP says of text in which encoding it is. */
    private static function withCharset(string $type): string
    {
        $charset = (string) \ini_get('default_charset');

        return $charset === '' || \strncasecmp($type, 'text/', 5) !== 0 || \stripos($type, 'charset=') !== false ? $type : "{$type};charset={$charset}";
    }
}
