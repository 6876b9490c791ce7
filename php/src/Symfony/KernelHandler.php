<?php

declare(strict_types=1);

namespace PhpWorker\Symfony;

use PhpWorker\Exchange;
use PhpWorker\HttpFoundation\Converter;
use PhpWorker\Request;
use PhpWorker\Response;
use Symfony\Component\HttpKernel\HttpCache\HttpCache;
use Symfony\Component\HttpKernel\HttpKernelInterface;
use Symfony\Component\HttpKernel\KernelInterface;
use Symfony\Component\HttpKernel\TerminableInterface;

/**
 * Serves a Symfony application through HttpFoundation:
 *
 *     $kernel = new App\Kernel('prod', false);
 *     PhpWorker\Worker::create()->run(new PhpWorker\Symfony\KernelHandler($kernel));
 *
 * The kernel resets its services (`kernel.reset`) before each request; `kernel.terminate`
 * comes after the response. With symfony/runtime, {@see Runtime} needs no line of code.
 */
final class KernelHandler
{
    private readonly Converter $converter;

    /** Null where the kernel has no container. */
    private readonly ?Services $services;

    public function __construct(private readonly HttpKernelInterface $kernel, ?Converter $converter = null)
    {
        $this->converter = $converter ?? new Converter();
        while ($kernel instanceof HttpCache) {
            $kernel = $kernel->getKernel();
        }
        if ($kernel instanceof KernelInterface) {
            // Or the first request pays for it.
            $kernel->boot();
            $this->services = new Services($kernel->getContainer());
        } else {
            $this->services = null;
        }
    }

    public function __invoke(Request $request, Exchange $exchange): ?Response
    {
        $symfony = $this->converter->request($request);
        try {
            $response = $this->kernel->handle($symfony);
        } catch (\Error $error) {
            $response = $this->services?->failed($symfony, $error) ?? throw $error;
        }
        if ($this->kernel instanceof TerminableInterface && $this->services?->terminates() !== false) {
            $exchange->afterwards(fn() => $this->kernel->terminate($symfony, $response));
        }
        $answer = $this->converter->response($response);
        if ($answer === null) {
            $stream = fn() => $this->converter->stream($response, $exchange);
            $this->services === null ? $stream() : $this->services->stream($symfony, $stream);
        }

        return $answer;
    }
}
