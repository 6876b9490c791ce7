<?php

declare(strict_types=1);

namespace PhpWorker\Laravel;

use Illuminate\Cache\ArrayStore;
use Illuminate\Foundation\Application;

/**
 * The services that were resolved while the application booted. All requests share them: what one of
 * them has left there is put back as it was, or dropped. The list is Octane's, and what else PHP-FPM forgets.
 *
 * @internal
 */
final class Services
{
    /** Resolved while booting, because each request needs them. */
    private const WARM = [
        'auth', 'cache', 'cache.store', 'config', 'cookie', 'db', 'db.factory', 'encrypter', 'files', 'hash',
        'log', 'router', 'routes', 'session', 'translator', 'url', 'view', 'Illuminate\Contracts\Http\Kernel',
    ];

    /** What of them is put back. */
    private const KEPT = [
        'auth' => ['userResolver'],
        'cookie' => ['path', 'domain', 'secure', 'sameSite', 'queued'],
        'events' => ['listeners', 'wildcards', 'wildcardsCache'],
        'router' => ['current', 'currentRequest'],
        'translator' => ['fallback', 'parsed'],
        'url' => ['assetRoot', 'forcedRoot', 'forceScheme', 'cachedRoot', 'cachedScheme', 'formatHostUsing', 'formatPathUsing', 'missingNamedRouteResolver'],
        'Illuminate\Contracts\Auth\Access\Gate' => ['abilities', 'policies', 'beforeCallbacks', 'afterCallbacks', 'guessPolicyNamesUsingCallback'],
    ];

    /** @var array<string, object> those that are shared, by name */
    private array $found = [];

    /** @var list<Kept> */
    private array $kept = [];

    /** @var array<int, true> the parts of services of which something is kept, by number */
    private array $known = [];

    /** @var array<string, mixed> data shared by all views */
    private readonly array $shared;

    /** @var array<string, mixed> parameters of all URLs */
    private readonly array $parameters;

    /** What makes URLs of routes, and holds their parameters; it is made anew where it is missing. */
    private readonly ?\ReflectionProperty $generator;

    /** The stores of the cache that have been used. */
    private readonly ?\ReflectionProperty $stores;

    private readonly string $locale;

    /** @var array<class-string, string> locales of Carbon's classes */
    private array $carbon = [];

    public function __construct(Application $app)
    {
        foreach (self::WARM as $name) {
            try {
                $app->bound($name) && $app->make($name);
            } catch (\Throwable) {
                // Not every application needs it: a request that does will be told.
            }
        }
        foreach ([...self::WARM, ...\array_keys(self::KEPT), 'queue', 'mail.manager'] as $name) {
            if ($app->resolved($name) && \is_object($service = $app->make($name))) {
                $this->found[$name] = $service;
            }
        }
        $this->locale = $app->getLocale();
        $this->shared = $this->service('view')?->getShared() ?? [];
        $this->parameters = $this->service('url')?->getDefaultParameters() ?? [];
        $this->generator = $this->property('url', 'routeGenerator');
        $this->stores = $this->property('cache', 'stores');
        foreach (['Illuminate\Support\Carbon', 'Carbon\Carbon', 'Carbon\CarbonImmutable'] as $class) {
            if (\class_exists($class)) {
                $this->carbon[$class] = $class::getLocale();
            }
        }
        foreach (self::KEPT as $name => $properties) {
            isset($this->found[$name]) && $this->kept[] = new Kept($this->found[$name], ...$properties);
        }
        foreach ($this->arrays() as $store) {
            $this->keep($store, 'storage', 'locks');
        }
        foreach ($this->channels() as $channel) {
            $this->keep($channel, 'context');
        }
    }

    /**
     * Before a request, which $app is the copy for: what the request before has left.
     */
    public function restore(Application $app): void
    {
        foreach ($this->kept as $kept) {
            $kept->restore();
        }
        foreach (['auth.driver', 'session.store', 'redirect', 'request'] as $name) {
            $app->forgetInstance($name);
        }
        \method_exists($app, 'forgetScopedInstances') && $app->forgetScopedInstances();
        $this->service('auth')?->forgetGuards();
        $this->service('session')?->forgetDrivers();
        if (($view = $this->service('view')) !== null) {
            (function (array $shared): void {
                $this->shared = $shared;
            })->call($view, ['app' => $app] + $this->shared);
            $view->flushState();
        }
        $url = $this->service('url');
        if ($url !== null && $url->getDefaultParameters() !== $this->parameters) {
            $this->generator?->setValue($url, null);
            $this->parameters === [] || $url->defaults($this->parameters);
        }
        foreach ($this->arrays() as $store) {
            isset($this->known[\spl_object_id($store)]) || $store->flush();
        }
        foreach ($this->channels() as $channel) {
            isset($this->known[\spl_object_id($channel)]) || \method_exists($channel, 'withoutContext') && $channel->withoutContext();
        }
        $log = $this->service('log');
        $log !== null && \method_exists($log, 'flushSharedContext') && $log->flushSharedContext();
        $queue = $this->service('queue');
        $queue !== null && \method_exists($queue, 'setApplication') && $queue->setApplication($app);
        $mail = $this->service('mail.manager');
        $mail !== null && \method_exists($mail, 'forgetMailers') && $mail->forgetMailers();
        $this->speak($app);
        foreach (['Illuminate\Support\Str' => 'flushCache', 'Illuminate\Support\Once' => 'flush'] as $class => $method) {
            \class_exists($class, false) && \method_exists($class, $method) && $class::$method();
        }
        \class_exists('Illuminate\Pagination\PaginationState') && \Illuminate\Pagination\PaginationState::resolveUsing($app);
    }

    /**
     * Behind a request: what PHP-FPM does when the process of a request ends.
     */
    public function end(): void
    {
        $db = $this->service('db');
        foreach ($db?->getConnections() ?? [] as $name => $connection) {
            if ($connection->transactionLevel() > 0) {
                \error_log("[php warning] a transaction was left open on the connection \"{$name}\", and is rolled back: commit it in the request that begins it");
                try {
                    $connection->rollBack(0);
                } catch (\Throwable) {
                    $db->purge($name);
                }
            }
            $connection->flushQueryLog();
            foreach (['forgetRecordModificationState', 'resetTotalQueryDuration', 'allowQueryDurationHandlersToRunAgain'] as $method) {
                \method_exists($connection, $method) && $connection->{$method}();
            }
        }
        // Handlers that collect lines write them.
        foreach ($this->channels() as $channel) {
            $logger = \method_exists($channel, 'getLogger') ? $channel->getLogger() : $channel;
            \method_exists($logger, 'reset') && $logger->reset();
        }
    }

    private function speak(Application $app): void
    {
        if ($app->getLocale() !== $this->locale || ($this->service('translator')?->getLocale() ?? $this->locale) !== $this->locale) {
            $app->setLocale($this->locale);
        }
        foreach ($this->carbon as $class => $locale) {
            $class::getLocale() === $locale || $class::setLocale($locale);
        }
    }

    private function keep(object $service, string ...$properties): void
    {
        $this->known[\spl_object_id($service)] = true;
        $this->kept[] = new Kept($service, ...$properties);
    }

    /**
     * @return list<ArrayStore> the stores of the cache that are in memory
     */
    private function arrays(): array
    {
        $cache = $this->found['cache'] ?? null;
        $arrays = [];
        foreach ($cache === null ? [] : $this->stores?->getValue($cache) ?? [] as $repository) {
            $store = \method_exists($repository, 'getStore') ? $repository->getStore() : null;
            if ($store instanceof ArrayStore) {
                $arrays[] = $store;
            }
        }

        return $arrays;
    }

    /**
     * @return list<object>
     */
    private function channels(): array
    {
        $log = $this->service('log');

        return $log !== null && \method_exists($log, 'getChannels') ? \array_values($log->getChannels()) : [];
    }

    private function property(string $service, string $name): ?\ReflectionProperty
    {
        $service = $this->found[$service] ?? null;

        return $service !== null && \property_exists($service, $name) ? new \ReflectionProperty($service, $name) : null;
    }

    /**
     * @return mixed null where the application does not have it, or has not resolved it while booting
     */
    private function service(string $name): mixed
    {
        return $this->found[$name] ?? null;
    }
}
