<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * What a request may change of its process, and the next one must find as it was
 * when the application had booted.
 *
 * @internal
 */
final class Environment
{
    /** Handlers are put back one by one; an application that has set more of them than this is left alone. */
    private const HANDLERS = 100;

    /** Of all categories, as the system says it. */
    private string $locale;

    /** @var array<int, string> by category */
    private array $locales = [];

    private string $timezone;
    private int $umask;
    private string|false $folder;
    private int $reporting;

    /** @var (callable(int, string, string=, int=): mixed)|null */
    private $errors;

    /** @var (callable(\Throwable): void)|null */
    private $exceptions;

    public function __construct()
    {
        $this->locale = (string) \setlocale(\LC_ALL, '0');
        foreach ([\LC_COLLATE, \LC_CTYPE, \LC_MONETARY, \LC_NUMERIC, \LC_TIME, \defined('LC_MESSAGES') ? \LC_MESSAGES : \LC_CTYPE] as $category) {
            $this->locales[$category] = (string) \setlocale($category, '0');
        }
        $this->umask = \umask();
        $this->folder = \getcwd();
        $this->adopt();
    }

    /**
     * Takes what is set now for what the application has set when it booted: time zone, error_reporting() and handlers.
     */
    public function adopt(): void
    {
        $this->timezone = \date_default_timezone_get();
        $this->reporting = \error_reporting();
        $this->errors = self::errors();
        $this->exceptions = self::exceptions();
    }

    public function restore(): void
    {
        if (\error_reporting() !== $this->reporting) {
            \error_reporting($this->reporting);
        }
        if (\setlocale(\LC_ALL, '0') !== $this->locale) {
            $this->relocate();
        }
        if (\date_default_timezone_get() !== $this->timezone) {
            \date_default_timezone_set($this->timezone);
        }
        if (\umask() !== $this->umask) {
            \umask($this->umask);
        }
        if ($this->folder !== false && \getcwd() !== $this->folder) {
            // A release that was removed meanwhile has no folder to go back to.
            @\chdir($this->folder);
        }
        if (self::errors() !== $this->errors) {
            for ($n = 0; $n < self::HANDLERS && ($now = self::errors()) !== $this->errors && $now !== null; $n++) {
                \restore_error_handler();
            }
            self::errors() === $this->errors || \set_error_handler($this->errors);
        }
        if (self::exceptions() !== $this->exceptions) {
            for ($n = 0; $n < self::HANDLERS && ($now = self::exceptions()) !== $this->exceptions && $now !== null; $n++) {
                \restore_exception_handler();
            }
            self::exceptions() === $this->exceptions || \set_exception_handler($this->exceptions);
        }
    }

    private function relocate(): void
    {
        if (@\setlocale(\LC_ALL, $this->locale) !== false) {
            return;
        }
        \setlocale(\LC_ALL, 'C');
        foreach ($this->locales as $category => $locale) {
            \setlocale($category, $locale);
        }
        // The system has categories that PHP cannot set.
        $this->locale = (string) \setlocale(\LC_ALL, '0');
    }

    /** @return (callable(int, string, string=, int=): mixed)|null */
    private static function errors(): ?callable
    {
        $handler = \set_error_handler(null);
        \restore_error_handler();

        return $handler;
    }

    /** @return (callable(\Throwable): void)|null */
    private static function exceptions(): ?callable
    {
        $handler = \set_exception_handler(null);
        \restore_exception_handler();

        return $handler;
    }
}
