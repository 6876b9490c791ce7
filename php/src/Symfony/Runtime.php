<?php

declare(strict_types=1);

namespace PhpWorker\Symfony;

use Symfony\Component\HttpKernel\HttpKernelInterface;
use Symfony\Component\Runtime\RunnerInterface;
use Symfony\Component\Runtime\SymfonyRuntime;

/**
 * The runtime for symfony/runtime: with APP_RUNTIME=PhpWorker\Symfony\Runtime in the pool's
 * environment an application runs resident without a change. Outside of a worker (bin/console,
 * PHP-FPM) it is Symfony's own.
 */
class Runtime extends SymfonyRuntime
{
    public function getRunner(?object $application): RunnerInterface
    {
        if ($application instanceof HttpKernelInterface && \getenv('RR_RELAY') !== false) {
            return new Runner($application);
        }

        return parent::getRunner($application);
    }
}
