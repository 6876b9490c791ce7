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

/** The descriptor 3, but big requests come slowly. */
final class Slow
{
    /** @var resource|null */
    public $context;

    /** @var resource */
    private $source;

    private int $seen = 0;

    public function stream_open(): bool
    {
        $this->source = fopen('php://fd/3', 'rb');
        stream_set_read_buffer($this->source, 0);

        return true;
    }

    public function stream_read(int $count): string|false
    {
        if ($this->seen > 1 << 20 && !open()) {
            if ($this->seen < PHP_INT_MAX >> 1) {
                $this->seen = PHP_INT_MAX >> 1;
                say('reads slowly');
            }
            usleep(10_000);
        }
        $bytes = fread($this->source, $count);
        $this->seen += strlen((string) $bytes);

        return $bytes;
    }

    public function stream_eof(): bool
    {
        return feof($this->source);
    }

    /** @return resource */
    public function stream_cast()
    {
        return $this->source;
    }

    public function stream_set_option(): bool
    {
        return true;
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
    stream_wrapper_register('slow', Slow::class);
    $worker = new Worker(new Channel(fopen('slow://', 'rb'), fopen('php://fd/4', 'wb')), new OutputGuard());
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
    // Processes that PHP starts: in its group, there without the variable by which we know them, in a session of its own, and as an orphan of one.
    '/below' => Response::text(implode(' ', array_map(shell_exec(...), [
        'sleep 300 > /dev/null 2>&1 & echo $!',
        'env -u PHP_WORKER_MARK sleep 300 > /dev/null 2>&1 & echo $!',
        'setsid sleep 300 > /dev/null 2>&1 & echo $!',
        'setsid sh -c "sleep 300 > /dev/null 2>&1 & echo \$!"',
    ]))),
});
