<?php

declare(strict_types=1);

// A worker for the tests of the life cycle. Its environment says how it behaves:
//
//     DIE        it fails while it boots
//     BOOT_GATE  it boots no further until this file exists
//     GATE       until this file exists, /busy, /sleep and /stream go on, and what
//                comes after the first megabyte of a request is read slowly
//
// What it is about to do it says on stderr, so that a test can wait for it.

use PhpWorker\Channel;
use PhpWorker\OutputGuard;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';

function say(string $line): void
{
    fwrite(STDERR, $line . "\n");
}

function open(): bool
{
    return file_exists((string) getenv('GATE'));
}

/** Holds a big request back on its way into PHP. */
final class Slow extends php_user_filter
{
    private int $seen = 0;

    private bool $said = false;

    public function filter($in, $out, &$consumed, bool $closing): int
    {
        while ($bucket = stream_bucket_make_writeable($in)) {
            $consumed += $bucket->datalen;
            $this->seen += $bucket->datalen;
            stream_bucket_append($out, $bucket);
        }
        if ($this->seen > 1 << 20 && !open()) {
            if (!$this->said) {
                $this->said = true;
                say('reads slowly');
            }
            usleep(10_000);
        }

        return PSFS_PASS_ON;
    }
}

echo "printed before the boot\n";
if (getenv('DIE')) {
    throw new RuntimeException('the database is not there');
}
if ($gate = getenv('BOOT_GATE')) {
    say('waits at its gate');
    while (!file_exists($gate)) {
        usleep(1000);
    }
}

if (getenv('GATE')) {
    stream_filter_register('slow', Slow::class);
    $in = fopen('php://fd/3', 'rb');
    stream_filter_append($in, 'slow', STREAM_FILTER_READ);
    $worker = new Worker(new Channel($in, fopen('php://fd/4', 'wb')), new OutputGuard());
} else {
    $worker = Worker::create();
}

$worker->run(static fn(Request $request): mixed => match ($request->path) {
    '/' => Response::text((string) getenv('RELEASE')),
    '/pid' => Response::text((string) getmypid()),
    '/env' => getenv(),
    '/ini' => array_map(ini_get(...), array_combine($request->query['of'], $request->query['of'])),
    '/php' => [
        'extensions' => get_loaded_extensions(),
        'scanned' => array_filter(array_map(trim(...), explode(',', (string) php_ini_scanned_files()))),
        '_ENV' => $_ENV,
    ],
    '/say' => (static function () use ($request): ?array {
        say($request->query['line']);

        return null;
    })(),
    '/warn' => (static function (): ?array {
        ini_set('display_errors', '0');
        ini_set('log_errors', '1');
        trigger_error('from inside PHP', E_USER_WARNING);

        return null;
    })(),
    '/busy' => (static function (): Response {
        say('is busy');
        while (!open());

        return Response::text('was busy');
    })(),
    '/sleep' => (static function (): Response {
        say('sleeps');
        while (!open()) {
            usleep(50_000);
        }

        return Response::text('slept');
    })(),
    '/stream' => Response::text((static function (): iterable {
        say('streams');
        do {
            yield "tick\n";
            usleep(1000);
        } while (!open());
        yield "the end\n";
    })()),
    '/upload' => Response::text(md5($request->body)),
});
