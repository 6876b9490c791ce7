<?php

// Written by php_worker for the workers of one pool, and run before their script.
//
// PHP's command line drops what header(), setcookie() and http_response_code() say, without a word, and
// keeps the id of a session from one request of a worker to the next. So those functions are disabled
// for workers, and defined here: they say in the log, once per place, that they have no effect, or hand
// over to a package that can honour them. The first session_start() is named in the log as well.
// ob_get_level() is here for loops that close all buffers, those of such a package included, and
// register_shutdown_function() for packages that end a request while the process goes on.
// Everything else is as it was, and a file that php.ini has for auto_prepend_file runs as before.

declare(strict_types=1);

namespace PhpWorkerServer {
    final class Functions
    {
        /** @var (\Closure(string, array<int, mixed>): mixed)|null takes a call while a request can honour it */
        public static ?\Closure $honour = null;

        /** How many output buffers are a package's own: the application is not to know of them, nor to close them. */
        public static int $buffers = 0;

        /** @var \Closure(): void|null what a package does behind all of them */
        public static ?\Closure $last = null;

        /** PHP destroys it behind the functions of the shutdown, also where exit() has ended those. */
        private static ?object $guard = null;

        /** Whether a package takes care of sessions. */
        public static bool $sessions = false;

        /** Whether a session was started with the handler of the settings. */
        public static bool $seen = false;

        /** Sets the id from the cookie of each request, since 5.4. */
        private const SYMFONY = 'Symfony\Component\HttpKernel\EventListener\AbstractSessionListener';

        /** As PHP's command line has it: false until somebody sets one. */
        private static int|false $code = false;

        /** @var array<string, true> places that have been named */
        private static array $named = [];

        /** How many places are named before it is enough. */
        private const PLACES = 50;

        /**
         * @param array<int, mixed> $arguments
         */
        public static function call(string $function, array $arguments, mixed $dropped = null): mixed
        {
            if (self::$honour !== null) {
                return (self::$honour)($function, $arguments);
            }
            if ($function === 'http_response_code') {
                if (($arguments[0] ?? 0) === 0) {
                    return self::$code;
                }
                $dropped = self::$code === false ? true : self::$code;
                self::$code = $arguments[0];
            }
            if ($dropped !== false && !self::isExpected($function, $arguments)) {
                self::name($function . '() has no effect', 'a worker answers with response objects: put status, headers and cookies into those');
            }

            return $dropped;
        }

        /**
         * As PHP's own, a private method of the caller is fine.
         *
         * @param array<int|string, mixed> $arguments
         */
        public static function atShutdown(mixed $callback, array $arguments): void
        {
            if (!\is_callable($callback)) {
                $class = \debug_backtrace(\DEBUG_BACKTRACE_IGNORE_ARGS, 3)[2]['class'] ?? null;
                $close = static fn(): \Closure => \Closure::fromCallable($callback);
                $callback = ($class === null ? $close : \Closure::bind($close, null, $class))();
            }
            $callback = \Closure::fromCallable($callback);
            if (self::$honour === null || !(self::$honour)('register_shutdown_function', [$callback, $arguments])) {
                Shutdown::register($callback, $arguments);
            }
        }

        /**
         * Has $last called when the process ends, behind all that the application has registered.
         *
         * @param \Closure(): void $last
         */
        public static function atLast(\Closure $last): void
        {
            self::$last = $last;
        }

        /** The worker serves superglobals from now on: functions that answer are there. */
        public static function serving(): void
        {
            require_once __DIR__ . '/serving.php';
        }

        /** Has the end of the script noticed, whatever it ends by. */
        public static function watchEnd(): void
        {
            self::$guard = new class () {
                public function __destruct()
                {
                    Functions::end();
                }
            };
            // Documented: has session_write_close() called at the end, and that is ours.
            \function_exists('session_register_shutdown') && \session_register_shutdown();
        }

        /** Whether it is PHP itself that has called one of these functions. */
        public static function isEnd(): bool
        {
            $calls = \debug_backtrace(\DEBUG_BACKTRACE_IGNORE_ARGS, 3);

            return \count($calls) === 2 && !isset($calls[1]['file']);
        }

        /** The script has ended. May be called several times. */
        public static function end(): void
        {
            if (\str_starts_with(\error_get_last()['message'] ?? '', 'Allowed memory size')) {
                // As much as it takes to say so. PHP has dropped all buffers.
                @\ini_set('memory_limit', (string) (\memory_get_usage(true) + (16 << 20)));
                \ob_list_handlers() === [] && \ob_start();
            }
            Shutdown::run();
            self::$last === null || (self::$last)();
        }

        /**
         * Symfony's sessions drop their cookie by setcookie(), and by the response, too. RoadRunner's package wants to be told of headers.
         *
         * @param array<int, mixed> $arguments
         */
        private static function isExpected(string $function, array $arguments): bool
        {
            return (\debug_backtrace(\DEBUG_BACKTRACE_IGNORE_ARGS, 4)[3]['class'] ?? '') === 'Spiral\RoadRunner\Internal\StdoutHandler' || $function === 'setcookie' && \class_exists(self::SYMFONY, false) && ($arguments[0] ?? '') === \session_name();
        }

        /** Logs what is wrong at the place where the application called one of PHP's functions. */
        public static function name(string $what, string $instead): void
        {
            $place = '';
            foreach (\debug_backtrace(\DEBUG_BACKTRACE_IGNORE_ARGS) as $call) {
                if (isset($call['file']) && $call['file'] !== __FILE__) {
                    $place = ' in ' . $call['file'] . ':' . ($call['line'] ?? 0);
                    break;
                }
            }
            $key = $what . $place;
            if (isset(self::$named[$key]) || \count(self::$named) > self::PLACES) {
                return;
            }
            self::$named[$key] = true;
            $text = \count(self::$named) > self::PLACES ? 'calls without effect in further places are not named' : "{$what}{$place}: {$instead}";
            // Not trigger_error(): frameworks make exceptions of that.
            @\file_put_contents('php://stderr', "[php warning] {$text}\n");
        }

        /** @return array<array-key, mixed> */
        public static function input(int $type): array
        {
            return match ($type) {
                \INPUT_GET => $_GET,
                \INPUT_POST => $_POST,
                \INPUT_COOKIE => $_COOKIE,
                \INPUT_SERVER => $_SERVER,
                \INPUT_ENV => $_ENV,
                default => throw new \ValueError('filter_input(): Argument #1 ($type) must be an INPUT_* constant'),
            };
        }

        /**
         * Names sessions that are started with the handler of the settings. One that an application
         * sets, as Symfony does, takes its place, and is not seen before the end of the worker.
         */
        public static function watchSessions(): void
        {
            if (!\class_exists(\SessionHandler::class, false)) {
                return;
            }
            if (\session_status() === \PHP_SESSION_ACTIVE) {
                self::name('the setting session.auto_start', self::SESSIONS);

                return;
            }
            self::$handler = (string) \ini_get('session.save_handler');
            $watch = new class () extends \SessionHandler {
                public function open(string $path, string $name): bool
                {
                    Functions::$seen = true;
                    Functions::name('session_start()', Functions::SESSIONS);

                    return parent::open($path, $name);
                }
            };
            if (self::$handler === 'user' || !@\session_set_save_handler($watch, false)) {
                self::$handler = null;
            }
            self::$watch = \WeakReference::create($watch);
            \register_shutdown_function(static function (): void {
                if (!self::$sessions && !self::$seen && \session_id() !== '' && !\class_exists(self::SYMFONY, false)) {
                    self::name('session_start() with a handler of the application', self::SESSIONS);
                }
            });
        }

        /** For a package that takes care of sessions: all is again as the settings say. */
        public static function leaveSessions(): void
        {
            self::$sessions = true;
            // Where an application has set its own, PHP has let go of ours.
            if (self::$handler !== null && self::$watch?->get() !== null && \session_status() !== \PHP_SESSION_ACTIVE) {
                \ini_set('session.save_handler', self::$handler);
            }
            self::$handler = null;
        }

        public const SESSIONS = 'in a worker PHP keeps the id of a session, so that the next visitor is given the session of this one. '
            . 'Use the sessions of your framework; or, for each request, session_id(<its cookie, or a new id>) before session_start(), and session_write_close() at its end';

        /** @var \WeakReference<\SessionHandler>|null what watches it */
        private static ?\WeakReference $watch = null;

        /** What session.save_handler was; null where it is not watched. */
        private static ?string $handler = null;
    }
}

namespace {
    use PhpWorkerServer\Functions;

    // As with PHP's own, null stands for nothing: "", false or 0.
    if (!\function_exists('header')) {
        function header(?string $header, ?bool $replace = true, ?int $response_code = 0): void
        {
            Functions::call('header', [(string) $header, (bool) $replace, (int) $response_code]);
        }
    }
    if (!\function_exists('setcookie')) {
        /** @param array<string, mixed>|int|null $expires_or_options */
        function setcookie(?string $name, ?string $value = '', array|int|null $expires_or_options = 0, ?string $path = '', ?string $domain = '', ?bool $secure = false, ?bool $httponly = false): bool
        {
            return Functions::call('setcookie', [(string) $name, (string) $value, $expires_or_options ?? 0, (string) $path, (string) $domain, (bool) $secure, (bool) $httponly], true);
        }
    }
    if (!\function_exists('setrawcookie')) {
        /** @param array<string, mixed>|int|null $expires_or_options */
        function setrawcookie(?string $name, ?string $value = '', array|int|null $expires_or_options = 0, ?string $path = '', ?string $domain = '', ?bool $secure = false, ?bool $httponly = false): bool
        {
            return Functions::call('setrawcookie', [(string) $name, (string) $value, $expires_or_options ?? 0, (string) $path, (string) $domain, (bool) $secure, (bool) $httponly], true);
        }
    }
    if (!\function_exists('http_response_code')) {
        function http_response_code(?int $response_code = 0): int|bool
        {
            return Functions::call('http_response_code', [(int) $response_code]);
        }
    }
    if (!\function_exists('header_remove')) {
        function header_remove(?string $name = null): void
        {
            Functions::call('header_remove', [$name], false);
        }
    }
    if (!\function_exists('header_register_callback')) {
        function header_register_callback(callable $callback): bool
        {
            return Functions::call('header_register_callback', [$callback], true);
        }
    }
    if (!\function_exists('headers_list')) {
        /** @return list<string> */
        function headers_list(): array
        {
            return Functions::call('headers_list', [], false) ?: [];
        }
    }
    if (!\function_exists('headers_sent')) {
        function headers_sent(mixed &$filename = null, mixed &$line = null): bool
        {
            $filename = '';
            $line = 0;

            return Functions::call('headers_sent', [], false);
        }
    }
    if (!\function_exists('flush')) {
        function flush(): void
        {
            Functions::call('flush', [], false);
        }
    }
    if (!\function_exists('connection_aborted')) {
        function connection_aborted(): int
        {
            return (int) Functions::call('connection_status', [], false);
        }
    }
    if (!\function_exists('connection_status')) {
        function connection_status(): int
        {
            return (int) Functions::call('connection_status', [], false);
        }
    }
    if (!\function_exists('register_shutdown_function')) {
        function register_shutdown_function(mixed $callback, mixed ...$args): void
        {
            Functions::atShutdown($callback, $args);
        }
    }
    if (!\function_exists('session_write_close') && \function_exists('session_commit')) {
        function session_write_close(): bool
        {
            if (Functions::isEnd()) {
                Functions::end();
            }

            return \session_commit();
        }
    }
    if (!\function_exists('ob_get_level')) {
        function ob_get_level(): int
        {
            return \max(0, \count(\ob_list_handlers()) - Functions::$buffers);
        }
    }
    if (!\function_exists('is_uploaded_file')) {
        function is_uploaded_file(?string $filename): bool
        {
            return Functions::call('is_uploaded_file', [(string) $filename], false);
        }
    }
    if (!\function_exists('move_uploaded_file')) {
        function move_uploaded_file(?string $from, ?string $to): bool
        {
            return Functions::call('move_uploaded_file', [(string) $from, (string) $to], false);
        }
    }
    if (!\function_exists('filter_input')) {
        /** @param array<string, mixed>|int|null $options */
        function filter_input(int $type, ?string $var_name, ?int $filter = \FILTER_DEFAULT, array|int|null $options = 0): mixed
        {
            $filter ??= \FILTER_DEFAULT;
            $options ??= 0;
            $var_name = (string) $var_name;
            $input = Functions::input($type);
            $flags = \is_array($options) ? (int) ($options['flags'] ?? 0) : $options;
            if (!isset($input[$var_name])) {
                return ($options['options']['default'] ?? null) ?? (($flags & \FILTER_NULL_ON_FAILURE) !== 0 ? false : null);
            }

            return \filter_var($input[$var_name], $filter, $options);
        }
    }
    if (!\function_exists('filter_has_var')) {
        function filter_has_var(int $input_type, ?string $var_name): bool
        {
            return isset(Functions::input($input_type)[(string) $var_name]);
        }
    }
    if (!\function_exists('filter_input_array')) {
        /** @param array<string, mixed>|int $options */
        function filter_input_array(int $type, array|int $options = \FILTER_DEFAULT, bool $add_empty = true): array|false|null
        {
            $input = Functions::input($type);

            return $input === [] ? null : \filter_var_array($input, $options, $add_empty);
        }
    }

    require __DIR__ . '/shutdown.php';
    Functions::watchEnd();
    Functions::watchSessions();
    require __DIR__ . '/frankenphp.php';

    // What php.ini, or the pool's settings, have for auto_prepend_file.
    if (!\in_array(\get_cfg_var('php_worker.auto_prepend_file'), [false, '', 'none'], true)) {
        require \get_cfg_var('php_worker.auto_prepend_file');
    }
}
