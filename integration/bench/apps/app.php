<?php

declare(strict_types=1);

/*
 * The applications of the benchmark, the same for every server. Requiring this
 * file is what an application does once per process, or once per request where
 * nothing is kept; answer() is one request.
 */

namespace Bench;

function setting(string $name): string
{
    return \getenv($name) ?: (string) ($_SERVER[$name] ?? '');
}

\define('Bench\APP', setting('BENCH_APP'));
\define('Bench\MILLISECOND', (int) setting('BENCH_MILLISECOND'));

require __DIR__ . '/work.php';

if (APP === 'boot') {
    work(20);
}

/**
 * @param callable(): string $body
 *
 * @return string the body; the status is 200 and the type text/plain
 */
function answer(string $path, callable $body): string
{
    static $large = null;
    switch (APP) {
        case 'hello':
            return 'Hello, world!';
        case 'boot':
            work(1);
            return 'Hello, world!';
        case 'out':
            return $large ??= \str_repeat('0123456789', 10_240);
        case 'in':
            return (string) \strlen($body());
        case 'wait':
            \usleep(50_000);
            return 'Hello, world!';
        case 'mix':
            // Who asks decides, so that every server has the same share of slow ones.
            work($path === '/slow' ? 50 : 0.2);
            return 'Hello, world!';
        case 'gate':
            // Waits until the file is there.
            while (!\file_exists(setting('BENCH_GATE'))) {
                \usleep(5_000);
            }
            return 'Hello, world!';
    }

    return 'unknown application';
}
