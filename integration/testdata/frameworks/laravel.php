<?php

declare(strict_types=1);

namespace Frameworks;

// What a Laravel application may leave behind in a request, and the next one must not find. Behind
// PHP-FPM the same file is the front controller, so that the answers of both can be compared.

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Database\Connection;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Http\UploadedFile;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\App;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Config;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Log;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\Facades\URL;
use Illuminate\Support\Facades\View;
use Illuminate\Support\Str;
use Monolog\Handler\BufferHandler;
use Monolog\Handler\StreamHandler;
use Monolog\Logger;
use Symfony\Component\HttpKernel\Exception\NotFoundHttpException;

require_once __DIR__ . '/../../../php/examples/laravel/autoload.php';

/** A database of a single table, in a file, as far as transactions go. */
final class Table
{
    private ?array $open = null;

    public function __construct(private readonly string $file) {}

    public function beginTransaction(): bool
    {
        $this->open = [];

        return true;
    }

    public function inTransaction(): bool
    {
        return $this->open !== null;
    }

    public function add(string $row): void
    {
        $this->open === null ? \file_put_contents($this->file, "{$row} ", \FILE_APPEND) : $this->open[] = $row;
    }

    public function commit(): bool
    {
        [$rows, $this->open] = [$this->open, null];
        \array_walk($rows, $this->add(...));

        return true;
    }

    public function rollBack(): bool
    {
        $this->open = null;

        return true;
    }
}

function files(mixed $file): mixed
{
    return $file instanceof UploadedFile ? [$file->getClientOriginalName(), $file->getError()] : (\is_array($file) ? \array_map(__FUNCTION__, $file) : $file);
}

function routes(Application $app, string $own): void
{
    // Said while booting: each request finds it.
    URL::defaults(['from' => 'the boot']);
    Event::listen('booted', static fn() => null);
    Cache::put('boot', 'yes');
    Log::withContext(['from' => 'the boot']);
    Config::set('logging.channels.buffered', ['driver' => 'custom', 'via' => static fn() => new Logger('b', [new BufferHandler(new StreamHandler("{$own}.log"))])]);
    Config::set('database', ['default' => 'table', 'connections' => ['table' => ['driver' => 'table', 'name' => 'table']]]);
    DB::extend('table', static fn(array $config) => new Connection(new Table("{$own}.rows"), '', '', $config));
    $app->make(ExceptionHandler::class)->renderable(static fn(NotFoundHttpException $e) => \response('at ' . (Route::currentRouteName() ?? 'no route'), 404));

    Route::any('/files', static fn(Request $request): array => [files($request->allFiles()), \array_keys($request->all()), $request->has('file'), $request->hasFile('file')]);
    Route::any('/validate', static fn(Request $request): array => \array_map(
        static fn(string $rule): array => \validator($request->all(), ['file' => $rule, 'photos' => 'sometimes|array', 'photos.*' => 'file'])->errors()->all(),
        ['nullable|file', 'sometimes|file', 'required|file', 'sometimes|required'],
    ));
    Route::any('/store', static function (Request $request): string {
        $file = $request->file('file');

        return $file === null ? 'no file' : (\is_array($file) ? 'several' : $file->getClientOriginalName() . ' ' . $file->getSize());
    });
    Route::any('/cookies', static fn(Request $request): string => \rawurlencode(\serialize($request->cookies->all())));
    Route::any('/leave', static function (Application $app): string {
        URL::forceRootUrl('https://somewhere.example');
        URL::forceScheme('https');
        URL::defaults(['from' => 'a request', 'locale' => 'de']);
        Event::listen('booted', static fn() => null);
        Event::listen('left.*', static fn() => null);
        Cache::put('boot', 'no');
        Cache::put('secret', 'of anna');
        Cache::store('array')->put('secret', 'of anna');
        Log::withContext(['user' => 'anna']);
        Log::channel('stderr')->withContext(['user' => 'anna']);
        Config::set('app.name', 'changed');
        App::setLocale('de');
        $app['translator']->setFallback('fr');
        Carbon::setLocale('fr');
        View::share('left', 'behind');
        Str::snake('LeftBehind');

        return 'left';
    })->name('leaving');
    Route::any('/found', static fn(Application $app): array => [
        URL::to('/x'), URL::getDefaultParameters(), \count($app['events']->getListeners('booted')), \count($app['events']->getListeners('left.x')),
        Cache::get('boot'), Cache::get('secret'), (fn() => $this->context)->call(Log::channel()), Config::get('app.name'), App::getLocale(),
        $app['translator']->getFallback(), Carbon::getLocale(), View::getShared()['left'] ?? null,
    ]);
    Route::any('/open', static function (): string {
        DB::beginTransaction();
        DB::getPdo()->add('left open');

        return 'open';
    });
    Route::any('/write', static function (): string {
        DB::getPdo()->add('written');

        return 'level ' . DB::transactionLevel();
    });
    Route::any('/rows', static fn(): string => \is_file("{$own}.rows") ? \file_get_contents("{$own}.rows") : '');
    Route::any('/log', static function (): string {
        Log::channel('buffered')->info('a line');

        return 'said';
    });
    Route::any('/lines', static fn(): string => (string) (\is_file("{$own}.log") ? \count(\file("{$own}.log")) : 0));
    Route::any('/error', static fn() => \strlen());
    Route::any('/bare', static fn() => \response()->stream(static function (): void {
        while (\ob_get_level() > 0) {
            \ob_end_clean();
        }
        echo 'one ';
        \flush();
        echo 'two';
    }));
    Route::any('/encrypt', static fn(): string => $app['encrypter']->encrypt('text') === '' ? '' : 'encrypted');
}

$own = \getenv('APP_STORAGE') . '/' . \PHP_SAPI;
$app = require __DIR__ . '/../../../php/examples/laravel/bootstrap/app.php';
$app->booting(static fn() => $app->register(\Illuminate\Database\DatabaseServiceProvider::class));
$app->booting(static fn() => \getenv('NO_KEY') && Config::set('app.key', null));
$app->booted(static fn() => routes($app, $own));

if (\getenv('RR_RELAY') !== false) {
    $worker = \PhpWorker\Worker::create();
    $worker->run(new \PhpWorker\Laravel\KernelHandler($app));
    exit;
}
$kernel = $app->make(Kernel::class);
$response = $kernel->handle($request = Request::capture());
$response->send();
$kernel->terminate($request, $response);
