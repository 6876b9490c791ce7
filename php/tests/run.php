<?php

declare(strict_types=1);

/*
 * Runs every *Test.php of this folder with nothing but PHP:
 *
 *     php tests/run.php [part of a test's name]
 *
 * Prints "N passed, N failed"; the exit status is 1 when a test failed or none ran.
 */

namespace PhpWorker\Tests;

require __DIR__ . '/../autoload.php';
require __DIR__ . '/assertions.php';
require __DIR__ . '/Server.php';
require __DIR__ . '/Chunks.php';

\error_reporting(\E_ALL);
\set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    // What is silenced with @ is meant to be.
    return (\error_reporting() & $level) === 0 ? false : throw new \ErrorException($message, 0, $level, $file, $line);
});
\stream_wrapper_register('chunks', Chunks::class);

foreach (\glob(__DIR__ . '/*Test.php') as $file) {
    require $file;
}

$passed = 0;
$failed = 0;
foreach (Suite::$tests as $name => $body) {
    if (isset($argv[1]) && !\str_contains($name, $argv[1])) {
        continue;
    }
    Suite::$assertions = 0;
    try {
        $body();
        Suite::$assertions > 0 || throw new \LogicException('the test has asserted nothing');
        $passed++;
    } catch (\Throwable $failure) {
        $failed++;
        echo "FAILED  {$name}\n        ", \str_replace("\n", "\n        ", $failure instanceof Failure ? $failure->report() : (string) $failure), "\n";
    }
}

echo "{$passed} passed, {$failed} failed\n";
exit($failed > 0 || $passed === 0 ? 1 : 0);
