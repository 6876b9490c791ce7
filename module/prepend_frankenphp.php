<?php

// Written by php_worker for the workers of one pool, beside prepend.php, which includes it: FrankenPHP's functions for
// worker scripts, and those of PHP's other SAPIs that tell of a request. A script that loops over
// frankenphp_handle_request() runs as it is.

declare(strict_types=1);

namespace PhpWorkerServer {
    /**
     * Loads our package when the first request is asked for.
     *
     * @internal
     */
    final class FrankenPhp
    {
        private static ?Superglobals\Loop $loop = null;

        public static function handle(callable $callback): bool
        {
            if (self::$loop === null) {
                // Two that read the relay would take requests from each other.
                Functions::$last === null || throw new \LogicException('frankenphp_handle_request() is called in a worker that answers otherwise');
                require_once __DIR__ . '/package.php';
                self::$loop = new Superglobals\Loop();
            }

            return self::$loop->next(\Closure::fromCallable($callback));
        }

        /** Says to the script that it is a worker, unless the environment says something of it already. */
        public static function announce(): void
        {
            if (\getenv('FRANKENPHP_WORKER') === false && \getenv('RR_RELAY') !== false) {
                $_SERVER['FRANKENPHP_WORKER'] = $_ENV['FRANKENPHP_WORKER'] = '1';
                \putenv('FRANKENPHP_WORKER=1');
            }
        }

        /**
         * One record in the server's log.
         *
         * @param array<array-key, mixed> $context
         */
        public static function log(string $message, int $level, array $context): void
        {
            $record = ['level' => match (true) {
                $level < 0 => 'debug',
                $level < 4 => 'info',
                $level < 8 => 'warning',
                default => 'error',
            }, 'message' => $message] + ($context === [] ? [] : ['context' => $context]);
            $json = \json_encode($record, \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_PARTIAL_OUTPUT_ON_ERROR | \JSON_UNESCAPED_SLASHES | \JSON_UNESCAPED_UNICODE);
            @\file_put_contents('php://stderr', $json . "\n");
        }

        /**
         * The headers of the request at hand.
         *
         * @return array<string, string>
         */
        public static function requestHeaders(): array
        {
            $headers = [];
            foreach ($_SERVER as $name => $value) {
                if (\str_starts_with((string) $name, 'HTTP_')) {
                    $headers[\ucwords(\strtolower(\strtr(\substr($name, 5), '_', '-')), '-')] = (string) $value;
                }
            }
            foreach (['CONTENT_TYPE' => 'Content-Type', 'CONTENT_LENGTH' => 'Content-Length'] as $name => $header) {
                if (($_SERVER[$name] ?? '') !== '') {
                    $headers[$header] = (string) $_SERVER[$name];
                }
            }

            return $headers;
        }
    }
}

namespace {
    use PhpWorkerServer\FrankenPhp;
    use PhpWorkerServer\Functions;

    FrankenPhp::announce();

    if (!\function_exists('frankenphp_handle_request')) {
        /** As slog has them. */
        \define('FRANKENPHP_LOG_LEVEL_DEBUG', -4);
        \define('FRANKENPHP_LOG_LEVEL_INFO', 0);
        \define('FRANKENPHP_LOG_LEVEL_WARN', 4);
        \define('FRANKENPHP_LOG_LEVEL_ERROR', 8);

        function frankenphp_handle_request(callable $callback): bool
        {
            return FrankenPhp::handle($callback);
        }

        /** @param array<array-key, mixed> $context */
        function frankenphp_log(string $message, int $level = 0, array $context = []): void
        {
            FrankenPhp::log($message, $level, $context);
        }

        /** @return array<string, string> */
        function frankenphp_request_headers(): array
        {
            return FrankenPhp::requestHeaders();
        }
    }
    if (\PHP_VERSION_ID >= 80400 && !\function_exists('request_parse_body')) {
        /**
         * @param array<string, int|string>|null $options limits: the server has its own
         *
         * @return array{array<array-key, mixed>, array<array-key, mixed>}
         */
        function request_parse_body(?array $options = null): array
        {
            if (Functions::$honour === null) {
                throw new \RequestParseBodyException('Request does not provide a content type');
            }

            return Functions::call('request_parse_body', []);
        }
    }
    if (!\function_exists('apache_request_headers')) {
        /** @return array<string, string> */
        function apache_request_headers(): array
        {
            return FrankenPhp::requestHeaders();
        }
    }
    if (!\function_exists('getallheaders')) {
        /** @return array<string, string> */
        function getallheaders(): array
        {
            return FrankenPhp::requestHeaders();
        }
    }
}
