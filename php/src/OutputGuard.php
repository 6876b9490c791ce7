<?php

declare(strict_types=1);

namespace PhpWorker;

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

    /** Whether a request is being handled: what is printed at boot needs no hint. */
    private bool $handling = false;

    private bool $hinted = false;

    /** The last text printed while a request was being handled. */
    private string $printed = '';

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
        while (\ob_get_level() > $this->level && @\ob_end_flush());
        if (\ob_get_level() < $this->level) {
            $this->install();
        }
        if ($this->printed !== '' && !$this->hinted) {
            $this->hinted = true;
            \fwrite($this->log, \str_ends_with($this->printed, "\n") ? '' : "\n");
            $this->log('notice', self::HINT);
        }
        $this->printed = '';
        $this->handling = false;
    }

    /**
     * Writes one message to the log, in the form the server reads levels from.
     */
    public function log(string $level, string $message): void
    {
        \fwrite($this->log, "[php {$level}] {$message}\n");
    }

    private function install(): void
    {
        // Removable, as frameworks close every buffer they can and would loop over one they cannot.
        \ob_start($this->divert(...), 1);
        $this->level = \ob_get_level();
    }

    private function divert(string $text): string
    {
        if ($text !== '') {
            \fwrite($this->log, $text);
            if ($this->handling) {
                $this->printed = $text;
            }
        }

        return '';
    }
}
