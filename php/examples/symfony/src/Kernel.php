<?php

declare(strict_types=1);

namespace App;

use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\HttpKernel\KernelEvents;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

/**
 * An application in one file.
 */
final class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        yield new FrameworkBundle();
    }

    public function getProjectDir(): string
    {
        return \dirname(__DIR__);
    }

    public function getCacheDir(): string
    {
        return (\getenv('APP_VAR') ?: $this->getProjectDir() . '/var') . "/cache/{$this->environment}";
    }

    public function getLogDir(): string
    {
        return (\getenv('APP_VAR') ?: $this->getProjectDir() . '/var') . '/log';
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', [
            'secret' => \getenv('APP_SECRET') ?: 'only for the example', 'router' => ['utf8' => true], 'http_method_override' => false,
            'session' => [
                'enabled' => true, 'storage_factory_id' => 'session.storage.factory.native', 'handler_id' => null,
                'save_path' => \getenv('SESSIONS') ?: '%kernel.cache_dir%/sessions', 'cookie_secure' => 'auto', 'cookie_samesite' => 'lax',
            ],
        ]);
        $services = $container->services()->defaults()->autowire()->autoconfigure();
        $services->set(Visits::class);
        $services->set(Pages::class)->public()
            ->tag('controller.service_arguments')
            ->tag('kernel.event_listener', ['event' => KernelEvents::TERMINATE, 'method' => 'terminated']);
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->add('home', '/')->controller([Pages::class, 'home']);
        $routes->add('login', '/login/{name}')->controller([Pages::class, 'login']);
        foreach (['up', 'who', 'visits', 'form', 'upload', 'stream', 'endless', 'download', 'fail'] as $name) {
            $routes->add($name, "/{$name}")->controller([Pages::class, $name]);
        }
    }
}
