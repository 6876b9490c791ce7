<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * The way to the server: where frames are read and where they are written.
 *
 * The server names it in the environment variable RR_RELAY:
 *
 *     pipes                stdin and stdout (also when the variable is not set)
 *     pipes://fd/3:fd/4    the open file descriptors 3 (read) and 4 (write)
 *     unix:///run/x.sock   a Unix socket the server listens on
 *     tcp://127.0.0.1:7000 a TCP socket the server listens on
 */
final class Relay
{
    private const SEEN_BY_HAND = <<<'TEXT'
        This script is a worker: it waits for requests from Caddy, not from a terminal.
        Name it in a Caddyfile, for example

            http://localhost:8080 {
                php_worker %s
            }

        and start it with: caddy run

        TEXT;

    /**
     * Opens the relay. Connecting to a socket blocks, for ten seconds at most.
     *
     * @param string|null $relay as in RR_RELAY; null reads the environment
     *
     * @throws \RuntimeException when there is no server to talk to
     */
    public static function open(?string $relay = null): Channel
    {
        $relay ??= \getenv('RR_RELAY') ?: null;
        if ($relay === null && \stream_isatty(\STDIN)) {
            throw new \RuntimeException(\sprintf(self::SEEN_BY_HAND, \basename($_SERVER['argv'][0] ?? 'worker.php')));
        }
        [$scheme, $address] = \explode('://', $relay ?? 'pipes', 2) + [1 => ''];

        return match ($scheme) {
            'pipes' => $address === '' ? new Channel(\STDIN, \STDOUT) : self::descriptors($address),
            'unix', 'tcp' => self::socket($scheme, $address),
            default => throw new \RuntimeException(
                "unknown relay \"{$relay}\" in RR_RELAY: want pipes, pipes://fd/<in>:fd/<out>, unix://<path> or tcp://<host>:<port>",
            ),
        };
    }

    private static function descriptors(string $address): Channel
    {
        $names = \explode(':', $address);
        if (\count($names) !== 2) {
            throw new \RuntimeException("relay pipes://{$address}: want pipes://fd/<in>:fd/<out>, for example pipes://fd/3:fd/4");
        }
        $in = @\fopen('php://' . $names[0], 'rb');
        $out = @\fopen('php://' . $names[1], 'wb');
        if ($in === false || $out === false) {
            throw new \RuntimeException("relay pipes://{$address}: these descriptors are not open, was the script started by Caddy?");
        }

        return new Channel($in, $out);
    }

    private static function socket(string $scheme, string $address): Channel
    {
        $context = \stream_context_create(['socket' => ['tcp_nodelay' => true]]);
        $socket = @\stream_socket_client("{$scheme}://{$address}", $code, $error, 10.0, \STREAM_CLIENT_CONNECT, $context);
        if ($socket === false) {
            throw new \RuntimeException("relay {$scheme}://{$address}: connecting: {$error}");
        }
        // An idle worker need not wake up every default_socket_timeout.
        \stream_set_timeout($socket, -1);

        return new Channel($socket, $socket);
    }
}
