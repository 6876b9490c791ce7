<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

final class Suite
{
    /** @var array<string, callable(): void> */
    public static array $tests = [];

    public static int $assertions = 0;
}

final class Failure extends \Exception
{
    public function report(): string
    {
        foreach ($this->getTrace() as $call) {
            if (\str_ends_with($call['file'] ?? '', 'Test.php')) {
                return \basename($call['file']) . ":{$call['line']}: {$this->getMessage()}";
            }
        }

        return $this->getMessage();
    }
}

/**
 * Adds a test; $name is a sentence that says what is promised.
 *
 * @param callable(): void $body
 */
function test(string $name, callable $body): void
{
    isset(Suite::$tests[$name]) && throw new \LogicException("two tests are called \"{$name}\"");
    Suite::$tests[$name] = $body;
}

function same(mixed $want, mixed $got, string $what = ''): void
{
    Suite::$assertions++;
    if ($want !== $got) {
        throw new Failure(\ltrim("{$what} want ") . show($want) . "\n got " . show($got));
    }
}

function contains(string $want, string $in): void
{
    Suite::$assertions++;
    if (!\str_contains($in, $want)) {
        throw new Failure('want ' . show($want) . "\n in  " . show($in));
    }
}

function lacks(string $unwanted, string $in): void
{
    Suite::$assertions++;
    if (\str_contains($in, $unwanted)) {
        throw new Failure('do not want ' . show($unwanted) . "\n in  " . show($in));
    }
}

/**
 * @param class-string<\Throwable> $class
 */
function throws(string $class, string $message, callable $body): void
{
    Suite::$assertions++;
    try {
        $body();
    } catch (\Throwable $thrown) {
        if (!$thrown instanceof $class || !\str_contains($thrown->getMessage(), $message)) {
            throw new Failure("want {$class}: {$message}\n got " . \get_class($thrown) . ': ' . $thrown->getMessage());
        }

        return;
    }
    throw new Failure("want {$class}, nothing was thrown");
}

function show(mixed $value): string
{
    return \is_string($value) ? '"' . \addcslashes($value, "\0..\11\13..\37\"\\\177..\377") . '"' : \var_export($value, true);
}

/**
 * A path that does not exist yet; removed when the tests end.
 */
function scratch(?string $content = null): string
{
    $path = \tempnam(\sys_get_temp_dir(), 'phpworker');
    $content === null ? \unlink($path) : \file_put_contents($path, $content);
    \register_shutdown_function(static fn() => @\unlink($path));

    return $path;
}
