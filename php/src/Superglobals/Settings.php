<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

/**
 * Settings of PHP that a request may change, and that PHP-FPM gives anew to the next one. Others, which all
 * handlers of the package restore, are in {@see \PhpWorker\Environment}.
 *
 * @internal
 */
final class Settings
{
    /** @var array<string, string|null> php.ini's, as ini_set() has them */
    private array $ini;

    /** @var array<string, string> */
    private array $env;

    /** @var array<array-key, mixed> $_ENV */
    private array $superglobal;

    /** @var list<mixed> what mbstring has */
    private array $multibyte;

    private readonly bool $internalErrors;

    /** @var list<string> */
    private readonly array $wrappers;

    public function __construct()
    {
        $this->ini = \ini_get_all(null, false) ?: [];
        $this->env = \getenv();
        $this->superglobal = $_ENV;
        $this->multibyte = self::multibyte();
        $this->wrappers = \stream_get_wrappers();
        $this->internalErrors = \function_exists('libxml_use_internal_errors') && \libxml_use_internal_errors();
    }

    public function restore(): void
    {
        $now = \ini_get_all(null, false) ?: [];
        if ($now !== $this->ini) {
            foreach ($now as $name => $value) {
                if ($value !== ($this->ini[$name] ?? null)) {
                    // set_time_limit() starts a timer, which is to end with the request.
                    $name === 'max_execution_time' ? \set_time_limit((int) $this->ini[$name]) : @\ini_set($name, (string) $this->ini[$name]);
                }
            }
            // What cannot be put back stays, and is not tried again each time.
            $this->ini = \ini_get_all(null, false) ?: [];
        }
        $now = \getenv();
        if ($now !== $this->env) {
            foreach (\array_diff_key($now, $this->env) as $name => $value) {
                \putenv($name);
            }
            foreach (\array_diff_assoc($this->env, $now) as $name => $value) {
                \putenv("{$name}={$value}");
            }
        }
        $_ENV = $this->superglobal;
        if (self::multibyte() !== $this->multibyte) {
            \mb_internal_encoding($this->multibyte[0]);
            \mb_language($this->multibyte[1]);
            \mb_substitute_character($this->multibyte[2]);
        }
        if (\function_exists('libxml_use_internal_errors') && \libxml_use_internal_errors() !== $this->internalErrors) {
            \libxml_use_internal_errors($this->internalErrors);
        }
        if (\stream_get_wrappers() !== $this->wrappers) {
            foreach (\array_diff(\stream_get_wrappers(), $this->wrappers) as $wrapper) {
                \stream_wrapper_unregister($wrapper);
            }
            foreach (\array_diff($this->wrappers, \stream_get_wrappers()) as $wrapper) {
                \stream_wrapper_restore($wrapper);
            }
        }
    }

    /**
     * @return list<mixed>
     */
    private static function multibyte(): array
    {
        return \function_exists('mb_internal_encoding') ? [\mb_internal_encoding(), \mb_language(), \mb_substitute_character()] : [];
    }
}
