<?php

// Written by php_worker for the workers of one pool, beside prepend.php, which includes it: what runs when the process ends.

declare(strict_types=1);

namespace PhpWorkerServer;

/**
 * What register_shutdown_function() was given for the end of the process.
 *
 * @internal
 */
final class Shutdown
{
    /** @var list<array{\Closure, array<int|string, mixed>, \WeakReference<\Closure>|null}> with what honoured calls of the request in which that was */
    private static array $functions = [];

    /** Whether one is running: one that is found so has called exit(). */
    private static bool $running = false;

    /**
     * @param array<int|string, mixed> $arguments
     */
    public static function register(\Closure $callback, array $arguments): void
    {
        self::$functions[] = [$callback, $arguments, Functions::$honour === null ? null : \WeakReference::create(Functions::$honour)];
    }

    /** Runs all of them, and those that they register. May be called several times. */
    public static function run(): void
    {
        if (self::$running) { // exit() in one of them ends them all
            self::$functions = [];
        }
        self::$running = true;
        while (($next = \array_shift(self::$functions)) !== null) {
            [$callback, $arguments, $request] = $next;
            if ($request !== null && Functions::$honour !== null && $request->get() !== Functions::$honour) {
                self::apart($callback, $arguments);
            } else {
                $callback(...$arguments);
            }
        }
        self::$running = false;
    }

    /**
     * exit() has ended the process within a request: what a function of another one has to say is not for its client.
     *
     * @param array<int|string, mixed> $arguments
     */
    private static function apart(\Closure $callback, array $arguments): void
    {
        [$honour, Functions::$honour] = [Functions::$honour, null];
        $buffers = \count(\ob_list_handlers());
        \ob_start(static fn(string $printed): string => ''); // also where the function calls exit()
        try {
            $callback(...$arguments);
        } finally {
            while (\count(\ob_list_handlers()) > $buffers && @\ob_end_clean()) {
            }
            Functions::$honour = $honour;
        }
    }
}
