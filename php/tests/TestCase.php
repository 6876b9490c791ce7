<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PHPUnit\Framework\TestCase as Base;

abstract class TestCase extends Base
{
    /**
     * @param class-string<\Throwable> $class
     */
    final protected static function assertThrows(string $class, string $message, callable $body): void
    {
        try {
            $body();
        } catch (\Throwable $thrown) {
            self::assertInstanceOf($class, $thrown);
            self::assertStringContainsString($message, $thrown->getMessage());

            return;
        }
        self::fail("{$class} was not thrown");
    }
}
