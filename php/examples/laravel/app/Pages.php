<?php

declare(strict_types=1);

namespace App;

use Illuminate\Contracts\Auth\Access\Gate as GateContract;
use Illuminate\Http\Request;
use Illuminate\Routing\Router;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Config;
use Illuminate\Support\Facades\Cookie;
use Illuminate\Support\Facades\View;
use Illuminate\Support\ServiceProvider;

/**
 * The routes, and what they need.
 */
final class Pages extends ServiceProvider
{
    private static int $served = 0;

    public function boot(Router $router, GateContract $gate): void
    {
        Auth::provider('everybody', static fn(): Users => new Users());
        $gate->define('be-anna', static fn($user): bool => $user->getAuthIdentifier() === 'anna');

        $router->middlewareGroup('web', [
            \Illuminate\Cookie\Middleware\EncryptCookies::class,
            \Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
            \Illuminate\Session\Middleware\StartSession::class,
        ]);
        $router->get('/', static fn(): string => 'Request ' . ++self::$served . ' of process ' . getmypid());
        $router->get('/up', static fn(): string => 'up');
        $router->middleware('web')->group(function () use ($router): void {
            $router->get('/login/{name}', static function (Request $request, string $name): string {
                Auth::loginUsingId($name);
                $request->session()->put('name', $name);

                return "hello {$name}";
            });
            $router->get('/who', static fn(Request $request): string => implode(' ', [
                $request->session()->get('name', 'nobody'),
                Auth::check() ? Auth::user()->getAuthIdentifier() : 'guest',
                $request->user()?->getAuthIdentifier() ?? 'guest',
                app('request')->user()?->getAuthIdentifier() ?? 'guest',
                app(GateContract::class)->allows('be-anna') ? 'may' : 'may not',
            ]));
            // What the next request must not find.
            $router->get('/leave', static function (): string {
                Config::set('app.name', 'changed');
                View::share('left', 'behind');
                Cookie::queue('queued', 'for this answer');
                app()->setLocale('de');
                app()->instance('left', 'behind');

                throw new \DomainException('the reason, which the client is not told');
            });
            $router->get('/left', static fn(): array => [
                Config::get('app.name'), View::getShared()['left'] ?? null, app()->getLocale(), app('translator')->getLocale(),
                app()->bound('left'), app('view')->getContainer() === app(), app('router') === app('router'), count(Cookie::getQueuedCookies()),
            ]);
        });
        $router->any('/form', static fn(Request $request): array => [
            'method' => $request->method(), 'url' => $request->fullUrl(), 'input' => $request->all(), 'ip' => $request->ip(), 'to' => url('/x'),
        ]);
        $router->post('/upload', static function (Request $request) {
            $file = $request->file('file');
            if ($file === null || !$file->isValid()) {
                return response('Send a file in the field "file".', 422);
            }
            $moved = $file->move(sys_get_temp_dir(), uniqid('upload'));
            $sum = md5_file($moved->getPathname());
            unlink($moved->getPathname());

            return "{$file->getClientOriginalName()}: {$sum}";
        });
        $router->get('/stream', static fn() => response()->stream(static function (): void {
            for ($n = 1; $n <= 3; $n++) {
                echo "data: {$n}\n\n";
                flush();
            }
        }, 200, ['Content-Type' => 'text/event-stream']));
        $router->get('/download', static fn() => response()->download(__FILE__, 'pages.txt', ['Content-Type' => 'text/plain']));
        $router->get('/fail', static fn() => throw new \DomainException('the reason, which the client is not told'));
    }
}
