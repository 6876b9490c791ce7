<?php

declare(strict_types=1);

/*
 * What one round trip costs: a real worker process, one request after the other
 * with the probe behind each, until the answer to the probe is back.
 *
 *     php tests/bench.php [rounds] [fd|stdio|unix]
 *
 * The figures contain this script's own work and two switches of process.
 */

namespace PhpWorker\Tests;

use PhpWorker\Channel;
use PhpWorker\OutputGuard;
use PhpWorker\Worker;

require __DIR__ . '/bootstrap.php';

$rounds = (int) ($argv[1] ?? 20000);
$relay = $argv[2] ?? 'fd';
$browser = [
    'headers' => \array_fill_keys(\array_map(static fn(int $n): string => "X-Header-{$n}", \range(1, 12)), ['a value of an ordinary length']),
    'cookies' => ['session' => \str_repeat('a', 32), 'theme' => 'dark', 'lang' => 'en'],
];
$cases = [
    'smallest request' => ['/', []],
    '12 headers, 3 cookies, query' => ['/?page=2&sort=name', $browser],
];

\printf("PHP %s, %d rounds\n", \PHP_VERSION, $rounds);
foreach ($cases as $name => [$path, $context]) {
    $server = Server::ready(__DIR__ . '/fixtures/worker.php', $relay);
    $bytes = Server::request($path, $context) . Server::probe();
    $times = [];
    for ($n = -1000; $n < $rounds; $n++) {
        $start = \hrtime(true);
        $server->write($bytes);
        $server->read();
        $server->read();
        $n >= 0 && $times[] = (\hrtime(true) - $start) / 1e3;
    }
    \sort($times);
    \printf(
        "%-30s %-5s p50 %6.1f us  p99 %6.1f us  %6.0f/s\n",
        $name,
        $relay,
        $times[$rounds >> 1],
        $times[(int) ($rounds * .99)],
        $rounds / \array_sum($times) * 1e6,
    );
}

// The worker's own share: the same frames out of memory, no process, no kernel.
\stream_wrapper_register('chunks', Chunks::class);
foreach ($cases as $name => [$path, $context]) {
    $worker = null;
    $bytes = Server::request($path, $context) . Server::probe();
    [$ours, $theirs] = \stream_socket_pair(\STREAM_PF_UNIX, \STREAM_SOCK_STREAM, 0);
    $worker = new Worker(new Channel($ours, $ours), new OutputGuard());
    $handler = static fn(): string => 'answer';
    $total = 0;
    for ($n = 0; $n < $rounds; $n++) {
        \fwrite($theirs, $bytes);
        $start = \hrtime(true);
        $worker->once($handler);
        $total += \hrtime(true) - $start;
        \fread($theirs, 8192);
    }
    \ob_end_clean();
    \printf("%-30s inside the worker, read and write included: %5.1f us\n", $name, $total / $rounds / 1e3);
}
