<?php

declare(strict_types=1);

namespace PhpWorker\Laravel;

use Illuminate\Contracts\Http\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request as LaravelRequest;
use Illuminate\Http\UploadedFile;
use Illuminate\Routing\Route;
use PhpWorker\Exchange;
use PhpWorker\HttpFoundation\Converter;
use PhpWorker\Request;
use PhpWorker\Response;

/**
 * Serves a Laravel application through HttpFoundation, without Octane and without PSR-7:
 *
 *     $app = require __DIR__ . '/bootstrap/app.php';
 *     PhpWorker\Worker::create()->run(new PhpWorker\Laravel\KernelHandler($app));
 *
 * The application boots once. Each request gets a {@see Sandbox} of it, so that what the
 * request puts into the container, the configuration, sessions, guards and queued cookies is gone with it.
 * What the application keeps in static properties and in singletons that were resolved while it
 * booted stays, as with Octane.
 */
final class KernelHandler
{
    private readonly Sandbox $sandbox;

    private readonly Converter $converter;

    public function __construct(Application $app)
    {
        $this->converter = new Converter(UploadedFile::class);
        $app->instance('request', LaravelRequest::create((string) (\getenv('APP_URL') ?: 'http://localhost')));
        $app->make(Kernel::class)->bootstrap();
        $this->sandbox = new Sandbox($app);
    }

    public function __invoke(Request $request, Exchange $exchange): ?Response
    {
        $terminate = null;
        // It runs also where what follows throws.
        $exchange->afterwards(function () use (&$terminate): void {
            $this->sandbox->close($terminate);
        });
        $kernel = $this->sandbox->open()->make(Kernel::class);
        $laravel = LaravelRequest::createFromBase($this->converter->request($request));
        $response = $kernel->handle($laravel);
        $terminate = static function () use ($kernel, $laravel, $response): void {
            $kernel->terminate($laravel, $response);
            $route = $laravel->route();
            $route instanceof Route && \method_exists($route, 'flushController') && $route->flushController();
        };

        $answer = $this->converter->response($response);
        $answer === null && $this->converter->stream($response, $exchange);

        return $answer;
    }
}
