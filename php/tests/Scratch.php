<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

/**
 * Paths of files for one run of the tests.
 */
final class Scratch
{
    /**
     * A path that does not exist yet, or a file with this content; removed when the tests end.
     */
    public static function path(?string $content = null): string
    {
        $path = (string) \tempnam(\sys_get_temp_dir(), 'phpworker');
        $content === null ? \unlink($path) : \file_put_contents($path, $content);
        \register_shutdown_function(static fn() => @\unlink($path));

        return $path;
    }
}
