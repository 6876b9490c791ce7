<?php

declare(strict_types=1);

namespace PhpWorker\Laravel;

use Illuminate\Container\Container;
use Illuminate\Foundation\Application;
use Illuminate\Support\Facades\Facade;

/**
 * One copy of a booted Laravel application for each request.
 *
 * The container is copied, so that what a request resolves or binds is gone with the copy. What was
 * resolved while booting is shared; it is told of the copy, and {@see Services} puts it back.
 *
 * @internal
 */
final class Sandbox
{
    private readonly Services $services;

    /** @var list<array{object, \ReflectionProperty}> where the application itself is kept */
    private array $ofApp = [];

    /** @var list<array{object, \ReflectionProperty}> where its configuration is kept */
    private array $ofConfig = [];

    private ?Application $copy = null;

    public function __construct(private readonly Application $app)
    {
        $this->services = new Services($app);
        $config = $app->make('config');
        foreach ((new \ReflectionProperty(Container::class, 'instances'))->getValue($app) as $instance) {
            if (\is_object($instance) && $instance !== $app && !$instance instanceof \Closure) {
                $this->look($instance, $config);
            }
        }
    }

    public function open(): Application
    {
        // What a request has left that ended in a failure.
        $this->close();
        $app = $this->copy = clone $this->app;
        /** @var object $config */
        $config = $this->app->make('config');
        $config = clone $config;
        $app->instance('app', $app);
        $app->instance(Container::class, $app);
        $app->instance('config', $config);
        $this->point($app, $config);
        $this->services->restore($app);

        return $app;
    }

    /**
     * @param (callable(): void)|null $last runs with the copy, before it is closed
     */
    public function close(?callable $last = null): void
    {
        if ($this->copy === null) {
            return;
        }
        $copy = $this->copy;
        $this->copy = null;
        try {
            $last === null || $last();
        } finally {
            try {
                $this->services->end();
            } finally {
                $copy->flush();
                $this->point($this->app, $this->app->make('config'));
            }
        }
    }

    private function point(Application $app, object $config): void
    {
        Container::setInstance($app);
        Facade::clearResolvedInstances();
        Facade::setFacadeApplication($app);
        foreach ($this->ofApp as [$object, $property]) {
            $property->setValue($object, $app);
        }
        foreach ($this->ofConfig as [$object, $property]) {
            $property->setValue($object, $config);
        }
    }

    /** Finds the properties that hold the application or its configuration. */
    private function look(object $instance, object $config): void
    {
        for ($class = new \ReflectionObject($instance); $class !== false; $class = $class->getParentClass()) {
            foreach ($class->getProperties() as $property) {
                if ($property->isStatic() || !$property->isInitialized($instance) || $property->getDeclaringClass()->getName() !== $class->getName()) {
                    continue;
                }
                $value = $property->getValue($instance);
                if ($value === $this->app) {
                    $this->ofApp[] = [$instance, $property];
                } elseif ($value === $config) {
                    $this->ofConfig[] = [$instance, $property];
                }
            }
        }
    }
}
