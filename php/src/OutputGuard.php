<?php

declare(strict_types=1);

namespace PhpWorker;

use PhpWorkerServer\Functions;

/**
 * Sends what echo, print, var_dump() and PHP's own messages write to stderr, that
 * is to the server's log: stdout may be the relay, and a byte of text between two
 * frames would be the end of the worker.
 *
 * @internal
 */
final class OutputGuard
{
    private const HINT = 'output of echo and print goes to this log, not to the client: '
        . 'return it from the handler (said once per process)';

    /** @var resource */
    private $log;

    private int $level = 0;

    /** @var (\Closure(string): void)|null */
    private ?\Closure $sink = null;

    /** @var (\Closure(): void)|null runs when PHP ends all output, and the process */
    private ?\Closure $end = null;

    /** Whether a request is being handled: what is printed at boot needs no hint. */
    private bool $handling = false;

    private bool $hinted = false;

    /** What was printed while a request was being handled, up to {@see OutputGuard::KEPT} bytes. */
    private string $printed = '';

    /** Bytes of it that are kept, for a handler that ends in exit(). */
    private const KEPT = 8 << 20;

    /** How often something is cleared away that throws. */
    private const TRIES = 100;

    /**
     * @param resource|null $log null is stderr
     */
    public function __construct($log = null)
    {
        $this->log = $log ?? \fopen('php://stderr', 'wb');
        $this->install();
    }

    /**
     * Begins a request.
     */
    public function begin(): void
    {
        $this->handling = true;
    }

    /**
     * Ends a request: closes output buffers the handler left open, and puts the
     * guard back if the handler took it away.
     */
    public function settle(): void
    {
        $top = \ob_get_status();
        if (($top['level'] ?? -1) >= $this->level) {
            $this->close($this->level);
            $top = \ob_get_status();
        }
        // A handler that ends all buffers may have begun one of its own in the guard's place.
        if (($top['level'] ?? -1) === $this->level - 1 && $top['name'] !== self::class . '::divert') {
            $this->close($this->level - 1, false);
            $top = [];
        }
        // PHP gives up a buffer, too, when the one above it has thrown.
        if (($top['level'] ?? -1) < $this->level - 1 || ($top['flags'] & \PHP_OUTPUT_HANDLER_DISABLED) !== 0) {
            $this->install();
        }
        if ($this->printed !== '' && !$this->hinted) {
            $this->hinted = true;
            \fwrite($this->log, \str_ends_with($this->printed, "\n") ? '' : "\n");
            $this->log('notice', self::HINT);
        }
        $this->printed = '';
        $this->handling = false;
        $this->sink = null;
    }

    /**
     * What the handler has printed so far, what its own buffers hold included.
     */
    public function printed(): string
    {
        self::level() > $this->level && $this->close($this->level);

        return $this->printed;
    }

    /**
     * Writes one message to the log, in the form the server reads levels from.
     */
    public function log(string $level, string $message): void
    {
        \fwrite($this->log, "[php {$level}] {$message}\n");
    }

    /**
     * Runs $step, which clears away a request that is over: again where what it lets go of throws when it is destroyed, which
     * each object does once. It fails no request any more, and least of all the next one.
     *
     * @param \Closure(): void $step
     */
    public function insist(\Closure $step): void
    {
        for ($tries = 1;; $tries++) {
            try {
                $step();

                return;
            } catch (RelayClosed | Forked $end) {
                throw $end;
            } catch (\Throwable $failure) {
                $tries < self::TRIES || throw $failure;
                $this->tooLate($failure);
            }
        }
    }

    /**
     * Tells of what was thrown when the response was out.
     */
    public function tooLate(\Throwable $failure): void
    {
        $this->log('error', 'after the response: ' . self::describe($failure));
    }

    /**
     * What was thrown, as text.
     */
    public static function describe(\Throwable $failure): string
    {
        try {
            return (string) $failure;
        } catch (\Throwable) {
            return $failure::class . ": {$failure->getMessage()} in {$failure->getFile()}:{$failure->getLine()}";
        }
    }

    /**
     * Takes what is printed from now on, instead of the log; null ends that. It must not throw.
     *
     * @param (\Closure(string): void)|null $sink
     */
    public function capture(?\Closure $sink): void
    {
        $this->sink = $sink;
    }

    /**
     * Has $last called when the process ends, behind the destructors, which may print. At once where
     * the guard has been taken away.
     *
     * @param \Closure(): void $last
     */
    public function atEnd(\Closure $last): void
    {
        if (self::level() < $this->level) {
            $last();
        } else {
            $this->end = $last;
        }
    }

    /** All buffers: PHP's own function may not count ours. */
    public static function level(): int
    {
        return \count(\ob_list_handlers());
    }

    /**
     * Ends the handler's own buffers down to a level, until one cannot be ended. Whatever their functions throw, or an
     * application's handler of errors, is told and no more: it belongs to a request that is over.
     */
    private function close(int $to, bool $flush = true): void
    {
        \set_error_handler(static fn(): bool => true);
        try {
            do {
                $level = self::level();
                try {
                    $flush ? \ob_end_flush() : \ob_end_clean();
                } catch (\Throwable $failure) {
                    $this->log('error', 'in a buffer that was left open: ' . self::describe($failure));
                }
            } while (self::level() > $to && self::level() < $level);
        } finally {
            \restore_error_handler();
        }
    }

    private function install(): void
    {
        // Frameworks close every buffer they can, and would loop over one they cannot. Where ob_get_level()
        // does not count this one, they come to an end, and it can stay.
        $stays = \class_exists(Functions::class, false);
        \ob_start([$this, 'divert'], 1, $stays ? \PHP_OUTPUT_HANDLER_STDFLAGS ^ \PHP_OUTPUT_HANDLER_REMOVABLE : \PHP_OUTPUT_HANDLER_STDFLAGS);
        $this->level = self::level();
        if ($stays) {
            Functions::$buffers = $this->level;
        }
    }

    private function divert(string $text, int $phase): string
    {
        if ($this->sink !== null) {
            ($this->sink)($text);
        } elseif ($text !== '') {
            \fwrite($this->log, $text);
            if ($this->handling) {
                $this->printed .= \strlen($this->printed) < self::KEPT ? $text : '';
            }
        }
        if (($phase & \PHP_OUTPUT_HANDLER_FINAL) !== 0 && $this->end !== null) {
            [$end, $this->end] = [$this->end, null];
            $end();
        }

        return '';
    }
}
