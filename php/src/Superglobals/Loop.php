<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Worker;

/**
 * frankenphp_handle_request(): waits for a request, and answers it by what a callback does. As there, the
 * superglobals keep what the request has made of them until the next one comes, functions for the shutdown run when the
 * worker ends, and a client that goes away ends nothing.
 *
 * @internal
 */
final class Loop
{
    private readonly Worker $worker;

    private readonly Sapi $sapi;

    private bool $within = false;

    /** @var \Closure(): mixed */
    private \Closure $code;

    /** @var \Closure(Request, Exchange): ?Response */
    private readonly \Closure $handler;

    public function __construct()
    {
        $this->sapi = new Sapi(null, false);
        $this->worker = Worker::create();
        $this->worker->bootsLate();
        $this->handler = function (Request $request, Exchange $exchange): ?Response {
            $this->within = true;
            \ini_set('ignore_user_abort', '1');
            \function_exists('memory_reset_peak_usage') && \memory_reset_peak_usage();

            return $this->sapi->serve($this->code, $request, $exchange);
        };
    }

    /**
     * @param \Closure(): mixed $code
     *
     * @return bool false when there will be no request any more
     *
     * @throws \LogicException within a request
     */
    public function next(\Closure $code): bool
    {
        if ($this->within) {
            throw new \LogicException('frankenphp_handle_request() is called within a request: call it in a loop around the application, not within its callback');
        }
        $this->code = $code;
        try {
            return $this->worker->once($this->handler);
        } finally {
            $this->within = false;
        }
    }
}
