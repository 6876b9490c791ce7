<?php

declare(strict_types=1);

namespace PhpWorker\Symfony;

use Psr\Container\ContainerInterface;
use Symfony\Component\EventDispatcher\EventDispatcherInterface;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\RequestStack;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpFoundation\StreamedResponse;
use Symfony\Component\HttpKernel\EventListener\StreamedResponseListener;
use Symfony\Component\HttpKernel\HttpKernel;
use Symfony\Component\HttpKernel\HttpKernelInterface;
use Symfony\Component\HttpKernel\KernelEvents;

/**
 * The services of a kernel that serving it needs. Each may be missing.
 *
 * @internal
 */
final class Services
{
    private readonly ?EventDispatcherInterface $dispatcher;

    private readonly ?RequestStack $requests;

    private readonly ?HttpKernel $kernel;

    public function __construct(ContainerInterface $container)
    {
        $this->dispatcher = self::find($container, 'event_dispatcher', EventDispatcherInterface::class);
        $this->requests = self::find($container, 'request_stack', RequestStack::class);
        $this->kernel = self::find($container, 'http_kernel', HttpKernel::class);
        $this->keepStreams();
    }

    /**
     * Whether anybody listens to what comes after the response.
     */
    public function terminates(): bool
    {
        return $this->dispatcher === null || $this->dispatcher->hasListeners(KernelEvents::TERMINATE);
    }

    /**
     * The application's own answer to an error that its kernel has let pass, as before Symfony 7: behind
     * PHP-FPM Symfony's error handler brings it back to the kernel when the script has ended.
     *
     * @throws \Throwable where the application has none
     */
    public function failed(Request $request, \Error $error): Response
    {
        if ($this->kernel === null || !\method_exists($this->kernel, 'handleThrowable')) {
            throw $error;
        }
        $answer = (new \ReflectionMethod($this->kernel, 'handleThrowable'))->getClosure($this->kernel);

        return $this->within($request, static fn(): Response => $answer($error, $request, HttpKernelInterface::MAIN_REQUEST));
    }

    /**
     * Streams a response whose callback finds the request at hand in the stack: behind PHP-FPM it
     * runs before the kernel has returned. Newer versions of Symfony see to that.
     *
     * @param \Closure(): void $stream
     */
    public function stream(Request $request, \Closure $stream): void
    {
        \method_exists(StreamedResponse::class, 'getCallback') ? $stream() : $this->within($request, $stream);
    }

    /**
     * @template T
     *
     * @param \Closure(): T $work
     *
     * @return T
     */
    private function within(Request $request, \Closure $work): mixed
    {
        $this->requests?->push($request);
        try {
            return $work();
        } finally {
            $this->requests?->pop();
        }
    }

    /**
     * Symfony sends a StreamedResponse from within a listener, before handle() returns: in a
     * worker it would be printed to the log, and arrive empty.
     */
    private function keepStreams(): void
    {
        foreach ($this->dispatcher?->getListeners(KernelEvents::RESPONSE) ?? [] as $listener) {
            if (\is_array($listener) && $listener[0] instanceof StreamedResponseListener) {
                $this->dispatcher?->removeListener(KernelEvents::RESPONSE, $listener);
            }
        }
    }

    /**
     * @template T of object
     *
     * @param class-string<T> $class
     *
     * @return T|null
     */
    private static function find(ContainerInterface $container, string $name, string $class): ?object
    {
        $service = $container->has($name) ? $container->get($name) : null;

        return $service instanceof $class ? $service : null;
    }
}
