<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * PHP's own sessions in a process that stays: `session_start()` takes the id from the
 * cookies of the request at hand, the cookie of a new session goes out with the
 * response, and between two requests the session is closed and its id forgotten, so
 * that nobody is ever given the session of the visitor before.
 *
 * @internal
 */
final class Session
{
    private const KEPT = ['session.save_handler', 'session.use_cookies', 'session.cache_limiter'];

    /** Symfony adds the cookie to its response, or leaves it out where the session is empty. */
    private const SYMFONY = 'Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage';

    private readonly bool $available;

    /**
     * Whether PHP has an empty id instead of none, and does not look for the cookie:
     * the handler is the application's, and there is no way past it.
     */
    private bool $blank = false;

    public function __construct()
    {
        $this->available = \function_exists('session_status');
        if ($this->available) {
            // php_worker watches over the sessions of scripts that do not come through here.
            \class_exists('PhpWorkerServer\Functions', false) && \PhpWorkerServer\Functions::leaveSessions();
            // What session.auto_start has begun belongs to nobody.
            $this->end();
        }
    }

    /**
     * Begins a request.
     */
    public function begin(Request $request): void
    {
        if (!$this->available) {
            return;
        }
        $_COOKIE = $request->cookies;
        if ($this->blank) {
            \session_id(\preg_match('/^[a-zA-Z0-9,-]{1,256}$/D', self::sent()) === 1 ? self::sent() : '');
        }
    }

    /**
     * Whether the request at hand has started a session, be it still open or not.
     */
    public function started(): bool
    {
        return $this->available && isset($_SESSION) && \session_id() !== '';
    }

    /**
     * The headers of the response, with the cookie that the client must be given for its session.
     *
     * @param array<string, string|int|list<string|int>> $headers
     *
     * @return array<string, string|int|list<string|int>>
     */
    public function withCookie(array $headers): array
    {
        $cookie = $this->cookie($headers);
        if ($cookie === null) {
            return $headers;
        }
        foreach ($headers as $name => $values) {
            if (\strcasecmp((string) $name, 'Set-Cookie') === 0) {
                $headers[$name] = [...(array) $values, $cookie];

                return $headers;
            }
        }

        return $headers + ['Set-Cookie' => $cookie];
    }

    /**
     * @param array<string, string|int|list<string|int>> $headers
     */
    private function cookie(array $headers): ?string
    {
        if (!$this->started() || \session_id() === self::sent() || !\ini_get('session.use_cookies') || \class_exists(self::SYMFONY, false)) {
            return null;
        }
        $name = \session_name() . '=';
        foreach ($headers as $header => $values) {
            if (\strcasecmp((string) $header, 'Set-Cookie') === 0) {
                foreach ((array) $values as $value) {
                    if (\str_starts_with((string) $value, $name)) {
                        return null; // the application's own word
                    }
                }
            }
        }
        $options = \session_get_cookie_params();
        if ($options['lifetime'] > 0) {
            $options['expires'] = \time() + $options['lifetime'];
        }
        unset($options['lifetime']);

        return Cookie::line((string) \session_name(), \rawurlencode((string) \session_id()), $options);
    }

    /**
     * Writes the session, so that the client's next request finds what this one has put there.
     */
    public function close(): void
    {
        if ($this->available && \session_status() === \PHP_SESSION_ACTIVE) {
            \session_write_close();
        }
    }

    /**
     * Ends a request: closes the session and forgets whose it was.
     */
    public function end(): void
    {
        if (!$this->available) {
            return;
        }
        $this->close();
        if (\session_id() !== '') {
            $this->forget();
        }
        unset($_SESSION);
        $_COOKIE = [];
    }

    /** The id that the client has sent; empty when there was none. */
    private static function sent(): string
    {
        $sent = $_COOKIE[\session_name()] ?? '';

        return \is_string($sent) ? $sent : '';
    }

    /**
     * There is no function for it. session_destroy() forgets the id, and deletes the session:
     * hence that of a handler which has nothing.
     */
    private function forget(): void
    {
        $kept = [];
        foreach (self::KEPT as $name) {
            $kept[$name] = (string) \ini_get($name);
        }
        if ($kept['session.save_handler'] === 'user') {
            \session_id('');
            $this->blank = true;

            return;
        }
        $this->blank = false;
        \session_set_save_handler(new class () implements \SessionHandlerInterface {
            public function open(string $path, string $name): bool
            {
                return true;
            }

            public function close(): bool
            {
                return true;
            }

            public function read(string $id): string
            {
                return '';
            }

            public function write(string $id, string $data): bool
            {
                return true;
            }

            public function destroy(string $id): bool
            {
                return true;
            }

            public function gc(int $max_lifetime): int
            {
                return 0;
            }
        }, false);
        if (@\session_start(['use_cookies' => 0, 'cache_limiter' => '', 'use_strict_mode' => 0, 'gc_probability' => 0])) {
            \session_destroy();
        }
        foreach ($kept as $name => $value) {
            \ini_set($name, $value);
        }
        if (\session_id() !== '') {
            // Output has gone past the worker, so that PHP starts no session any more.
            throw new \LogicException('the session of a request cannot be closed: something was printed past the worker');
        }
    }
}
