<?php

declare(strict_types=1);

/*
 * A page of Symfony and one of Laravel, the examples of our package, resident or anew for each
 * request: routing, a controller, the events and middleware of every request.
 */

namespace Bench;

use App\Kernel as SymfonyKernel;
use Illuminate\Contracts\Http\Kernel as LaravelKernel;
use Illuminate\Http\Request as LaravelRequest;
use PhpWorker\Laravel\KernelHandler as LaravelHandler;
use PhpWorker\Symfony\KernelHandler as SymfonyHandler;
use Symfony\Component\HttpFoundation\Request as SymfonyRequest;

\putenv('APP_VAR=' . setting('BENCH_VAR') . '/symfony');
\putenv('APP_STORAGE=' . setting('BENCH_VAR') . '/laravel');
require __DIR__ . '/../../../php/examples/' . APP . '/autoload.php';

function symfony(): SymfonyKernel
{
    return new SymfonyKernel('prod', false);
}

function laravel(): \Illuminate\Foundation\Application
{
    return require __DIR__ . '/../../../php/examples/laravel/bootstrap/app.php';
}

/** For a worker. */
function resident(): callable
{
    return APP === 'symfony' ? new SymfonyHandler(symfony()) : new LaravelHandler(laravel());
}

/** What public/index.php does. */
function front(): void
{
    handle(kernel());
}

/** What it makes anew for each request, and a loop once. */
function kernel(): SymfonyKernel|LaravelKernel
{
    return APP === 'symfony' ? symfony() : laravel()->make(LaravelKernel::class);
}

function handle(SymfonyKernel|LaravelKernel $kernel): void
{
    $request = APP === 'symfony' ? SymfonyRequest::createFromGlobals() : LaravelRequest::capture();
    $response = $kernel->handle($request);
    $response->send();
    $kernel->terminate($request, $response);
}
