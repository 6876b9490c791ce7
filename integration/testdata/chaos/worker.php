<?php

declare(strict_types=1);

// A worker that can do, and can be done, everything that goes wrong. What it
// answers with on "/" is the constant RELEASE of the script that requires this
// file, or the environment variable of that name.

use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Upload;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';

function say(string $line): void
{
    fwrite(STDERR, $line . "\n");
}

/** One line from a named pipe: blocks until the test has written it. */
function gate(string $path): string
{
    $file = fopen($path, 'rb');

    return rtrim((string) fgets($file));
}

$worker = Worker::create();
$release = defined('RELEASE') ? RELEASE : (string) getenv('RELEASE');
$kept = [];
if (getenv('BOOT_GATE')) {
    say('waits at its gate');
    gate(getenv('BOOT_GATE'));
}

$worker->run(static function (Request $request, Exchange $exchange) use ($release, &$kept): mixed {
    $query = $request->query;

    return match ($request->path) {
        '/' => (static function () use ($query, $release): Response {
            if (isset($query['id'])) {
                file_put_contents(getenv('JOURNAL'), $query['id'] . "\n", FILE_APPEND);
            }

            return Response::text($release);
        })(),
        '/release' => Response::text($release . ' ' . require getcwd() . '/lazy.php'),
        '/pid' => Response::text((string) getmypid()),
        '/write' => (static function () use ($query): Response {
            file_put_contents(getenv('JOURNAL'), $query['id'] . "\n", FILE_APPEND | LOCK_EX);

            return Response::text($query['id']);
        })(),
        '/segfault' => (static function (): never {
            say('is about to fall');
            posix_kill(getmypid(), SIGSEGV);
            exit(99); // never reached
        })(),
        '/exit' => (static function (): never {
            say('leaves');
            exit(3);
        })(),
        '/leak' => (static function () use ($query, &$kept): Response {
            $kept[] = random_bytes(1 << 20);
            usleep(1000 * (int) ($query['ms'] ?? 0));

            return Response::text((string) count($kept));
        })(),
        '/hang' => (static function () use ($query): never {
            if (isset($query['deaf'])) {
                pcntl_signal(SIGTERM, SIG_IGN);
            }
            say('hangs');
            while (true) {
                usleep(100_000);
            }
        })(),
        '/work' => (static function () use ($query): Response {
            usleep(1000 * (int) $query['ms']);

            return Response::text('worked');
        })(),
        '/wait' => (static function () use ($query): Response {
            say('waits ' . ($query['id'] ?? ''));

            return Response::text(gate($query['gate']));
        })(),
        '/bytes' => Response::text(str_repeat('x', (int) $query['n'])),
        '/head' => Response::text(str_repeat('x', (int) $query['n']), 200, ['X-Large' => str_repeat('h', (int) $query['size'])]),
        '/trailer' => Response::text(str_repeat('x', (int) $query['n']), 200, ['Trailer' => 'X-Large', 'X-Large' => str_repeat('h', (int) $query['size'])]),
        '/sum' => Response::text(md5($request->body)),
        '/field' => Response::text(md5($request->parsedBody['a'] ?? '')),
        '/later' => (static function () use ($query, $exchange): Response {
            $exchange->afterwards(static function () use ($query): void {
                say('works after the response');
                gate($query['gate']);
            });

            return Response::text((string) getmypid());
        })(),
        '/stream' => Response::text((static function () use ($query): iterable {
            do {
                yield "tick\n";
            } while (gate($query['gate']) !== 'end');
        })()),
        '/silent' => Response::text((static function (): iterable {
            yield "tick\n";
            say('falls silent');
            while (true) {
                usleep(100_000);
            }
        })()),
        '/orphan' => (static function (): Response {
            // The shell leaves at once, so its child is nobody's.
            exec('(sleep 0.01; exit 7) > /dev/null 2>&1 &');
            // Nor is this one's, and it has left the group of the worker.
            exec('setsid sh -c "exit 7" > /dev/null 2>&1 &');

            return Response::text((string) getmypid());
        })(),
        '/upload' => array_map(static fn(Upload $file): array => [
            'error' => $file->error,
            'path' => $file->tmpName,
            'content' => $file->ok() ? file_get_contents($file->tmpName) : '',
            'owner' => $file->ok() ? fileowner($file->tmpName) : -1,
            'mode' => $file->ok() ? fileperms($file->tmpName) & 0o777 : -1,
        ], $request->files),
        '/process' => [
            'uid' => posix_geteuid(),
            'gid' => posix_getegid(),
            'groups' => posix_getgroups(),
            'nofile' => posix_getrlimit()['soft openfiles'] . ':' . posix_getrlimit()['hard openfiles'],
            'cwd' => getcwd(),
            'binary' => PHP_BINARY,
            'ini' => ini_get((string) ($query['ini'] ?? '')),
            'env' => getenv(),
        ],
        '/relay' => (static function (): array {
            $socket = substr((string) getenv('RR_RELAY'), strlen('unix://'));

            return ['relay' => getenv('RR_RELAY'), 'left' => file_exists($socket)];
        })(),
    };
});
