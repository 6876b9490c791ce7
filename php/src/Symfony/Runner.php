<?php

declare(strict_types=1);

namespace PhpWorker\Symfony;

use PhpWorker\Worker;
use Symfony\Component\HttpKernel\HttpKernelInterface;
use Symfony\Component\Runtime\RunnerInterface;

/**
 * Serves a kernel until the server asks for the end.
 *
 * @internal
 */
final class Runner implements RunnerInterface
{
    public function __construct(private readonly HttpKernelInterface $kernel) {}

    public function run(): int
    {
        Worker::create()->run(new KernelHandler($this->kernel));

        return 0;
    }
}
