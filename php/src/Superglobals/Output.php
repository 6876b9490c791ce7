<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

use PhpWorker\Exchange;
use PhpWorker\OutputGuard;
use PhpWorker\Response;
use PhpWorker\StreamStopped;

/**
 * What the code prints during one request: the body of its response.
 *
 * @internal
 */
final class Output
{
    /** Bytes that PHP gathers before it hands them over. */
    private const CHUNK = 65536;

    /** Bytes beyond which a body is streamed: no output is too large for the memory_limit. */
    private const LIMIT = 1 << 20;

    private string $body = '';

    /** Of all buffers, when only ours and those beneath were there. */
    private int $level = 0;

    private bool $open = false;

    /** What has gone wrong while something was sent from within our buffer: the answer fails by it. */
    private ?\Throwable $failure = null;

    /** Whether the client has gone within the response, and the code goes on all the same. */
    private bool $gone = false;

    public function __construct(private readonly Exchange $exchange, private readonly Headers $headers) {}

    public function begin(): void
    {
        \ob_start($this->take(...), self::CHUNK);
        $this->level = OutputGuard::level();
        $this->open = true;
        // Behind an ob_end_clean() too many.
        $this->exchange->capture(function (string $printed): void {
            $this->body .= $printed;
        });
    }

    /**
     * The response; null where its beginning is out already.
     *
     * @param int $otherwise the status, where the code has set none
     */
    public function finish(int $otherwise = 200): ?Response
    {
        $this->close();

        return $this->response($otherwise);
    }

    /**
     * Where memory has run out PHP drops all buffers: what was printed since is in one of php_worker's.
     */
    public function recover(): void
    {
        if (OutputGuard::level() < $this->level) {
            $this->body .= (string) \ob_get_clean();
            $this->begin();
        }
    }

    /**
     * Drops what was printed, if the code has failed.
     */
    public function discard(): void
    {
        if ($this->open) {
            $this->close();
        }
    }

    /** Whether a header would come too late. */
    public function hasSent(): bool
    {
        return $this->exchange->hasStarted() || $this->exchange->isAnswered();
    }

    /** Whether the client has gone, as far as that was noticed. */
    public function isAborted(): bool
    {
        return $this->gone || !$this->exchange->isAnswered() && $this->exchange->isStopped();
    }

    /**
     * As flush(), with nothing but our own buffer in between.
     *
     * @throws StreamStopped when the client has gone, and the script does not ignore it
     */
    public function flush(): void
    {
        if ($this->open && OutputGuard::level() === $this->level) {
            \ob_flush();
        } else {
            $this->send();
        }
        $this->failure === null || throw $this->failure;
        if ($this->gone && !\ini_get('ignore_user_abort')) {
            throw new StreamStopped();
        }
    }

    /**
     * As fastcgi_finish_request(): the client has its response, and the code goes on. What it prints is dropped.
     *
     * @return bool false where that was so already
     */
    public function finishEarly(): bool
    {
        if ($this->exchange->isAnswered()) {
            return false;
        }
        while (OutputGuard::level() > $this->level && @\ob_end_flush());
        if ($this->open && OutputGuard::level() === $this->level) {
            $this->body .= \ob_get_contents();
            \ob_clean();
        }
        $this->exchange->complete($this->response(200));

        return true;
    }

    /**
     * As headers_send() of FrankenPHP: 103 Early Hints, or the beginning of the response.
     *
     * @return int what it returns there
     */
    public function sendHeaders(int $status): int
    {
        if ($this->hasSent()) {
            return 0;
        }
        if ($status >= 200) {
            $this->headers->code($status);
            $this->start();

            return 0;
        }
        $status === 103 && $this->exchange->earlyHints($this->headers->all());

        return 1;
    }

    private function response(int $otherwise): ?Response
    {
        if ($this->exchange->isAnswered()) {
            return null;
        }
        if ($this->exchange->hasStarted()) {
            $this->write();

            return null;
        }
        $this->completeHeaders();
        $status = $this->headers->status();

        return new Response($status === 200 ? $otherwise : $status, $this->headers->all(), $this->body);
    }

    /**
     * @throws \Throwable the first that a function of the buffers has thrown
     */
    private function close(): void
    {
        $failure = $this->failure;
        $this->failure = null;
        // Buffers that the code has left open belong to the body; it may have closed ours.
        while (OutputGuard::level() > $this->level && (\ob_get_status()['flags'] & \PHP_OUTPUT_HANDLER_REMOVABLE) !== 0) {
            try {
                \ob_end_flush();
            } catch (\Throwable $thrown) {
                $failure ??= $thrown;
            }
        }
        $this->open = false;
        if (OutputGuard::level() > $this->level) {
            $failure ??= new \LogicException('an output buffer was left open that PHP cannot remove: what is in it does not reach the client');
        } elseif (OutputGuard::level() === $this->level) {
            \ob_end_clean();
        }
        $this->exchange->capture(null);
        $failure === null || throw $failure;
    }

    private function take(string $printed, int $phase): string
    {
        if (!$this->open) {
            $this->body .= $printed;

            return '';
        }
        if (($phase & \PHP_OUTPUT_HANDLER_CLEAN) !== 0 || $this->failure !== null || $this->exchange->isAnswered()) {
            return '';
        }
        $this->body .= $printed;
        if (($phase & \PHP_OUTPUT_HANDLER_FINAL) === 0 && (($phase & \PHP_OUTPUT_HANDLER_FLUSH) !== 0 || \strlen($this->body) > self::LIMIT)) {
            try {
                $this->send();
            } catch (\Throwable $failure) {
                // As in write(): not from here.
                $this->failure = $failure;
            }
        }

        return '';
    }

    /** The code has called flush() or ob_flush(). */
    private function send(): void
    {
        if (!$this->exchange->isAnswered()) {
            $this->start();
            $this->write();
        }
    }

    private function start(): void
    {
        if (!$this->exchange->hasStarted()) {
            $this->completeHeaders();
            $this->exchange->start($this->headers->status(), $this->headers->all());
        }
    }

    /** Behind the beginning of the response. */
    private function write(): void
    {
        $body = $this->body;
        $this->body = '';
        if ($this->gone) {
            return;
        }
        try {
            $this->exchange->write($body);
        } catch (StreamStopped) {
            // Not from here: PHP gives up a buffer whose function throws, and those beneath.
            $this->gone = true;
        }
    }

    /**
     * What PHP adds by itself.
     */
    private function completeHeaders(): void
    {
        if (isset($_SESSION) && \function_exists('session_id') && \session_id() !== '') {
            foreach (self::cache((string) \session_cache_limiter()) as $name => $value) {
                $this->headers->has($name) || $this->headers->header("{$name}: {$value}");
            }
        }
        $this->headers->complete();
    }

    /**
     * How long the page of a session is kept by whom.
     *
     * @return array<string, string>
     */
    private static function cache(string $limiter): array
    {
        $seconds = 60 * (int) \session_cache_expire();
        $time = static fn(int $at): string => \gmdate('D, d M Y H:i:s', $at) . ' GMT';
        $modified = ['Last-Modified' => $time((int) @\filemtime($_SERVER['SCRIPT_FILENAME'] ?? ''))];

        return match ($limiter) {
            'nocache' => [
                'Expires' => 'Thu, 19 Nov 1981 08:52:00 GMT', 'Cache-Control' => 'no-store, no-cache, must-revalidate', 'Pragma' => 'no-cache',
            ],
            'private' => ['Expires' => 'Thu, 19 Nov 1981 08:52:00 GMT', 'Cache-Control' => "private, max-age={$seconds}"] + $modified,
            'private_no_expire' => ['Cache-Control' => "private, max-age={$seconds}"] + $modified,
            'public' => ['Expires' => $time(\time() + $seconds), 'Cache-Control' => "public, max-age={$seconds}"] + $modified,
            default => [],
        };
    }
}
