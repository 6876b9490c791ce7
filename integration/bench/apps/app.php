<?php

declare(strict_types=1);

/*
 * The applications of the benchmark, the same for every server. boot() is what an
 * application does once per process, or once per request where nothing is kept;
 * answer() is one request.
 */

namespace Bench;

/** Busy work of so many milliseconds of CPU time, not of waiting. */
function work(float $milliseconds): int
{
    $end = hrtime(true) + (int) ($milliseconds * 1e6);
    $n = 0;
    while (hrtime(true) < $end) {
        $n += strlen(md5((string) $n));
    }
    return $n;
}

function boot(string $app): void
{
    if ($app === 'boot') {
        work(20);
    }
}

/** @return string the body; the status is 200 and the type text/plain */
function answer(string $app, string $path, callable $body): string
{
    static $large = null;
    switch ($app) {
        case 'hello':
            return 'Hello, world!';
        case 'boot':
            work(1);
            return 'Hello, world!';
        case 'out':
            return $large ??= str_repeat('0123456789', 10_240); // 100 KB
        case 'in':
            return (string) strlen($body());
        case 'wait':
            usleep(50_000);
            return 'Hello, world!';
        case 'mix':
            // Every hundredth request takes 50 ms, the others 0.2 ms.
            static $n = 0;
            work(++$n % 100 === 0 ? 50 : 0.2);
            return 'Hello, world!';
    }
    return 'unknown application';
}
