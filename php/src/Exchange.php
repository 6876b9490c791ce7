<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * One request being answered; the second argument of every handler, for those
 * that want more than to return a response.
 */
final class Exchange
{
    /** @var list<callable(): void> */
    private array $afterwards = [];

    /** Whether status and headers are out. */
    private bool $started = false;

    private bool $stopped = false;

    /** Whether the last frame of the answer is on its way. */
    private bool $answered = false;

    /** Whether it was while the handler went on. */
    private bool $early = false;

    /** Whether nothing is left to do for the request. */
    private bool $finished = false;

    /** Whether the process ends behind this request. */
    private bool $leaving = false;

    /**
     * How it goes on when exit(), or a fatal error, ends the handler.
     *
     * @internal
     */
    public ?Ending $ending = null;

    /** @var (\Closure(): void)|null */
    private ?\Closure $onEnd = null;

    /**
     * @param int  $number   of the request; 0 where the server does not number them
     * @param bool $resident nobody works for the request behind {@see Exchange::finish()}
     * @param bool $bodiless the client wants status and headers only
     *
     * @internal
     */
    public function __construct(
        private readonly Channel $channel,
        private readonly int $number = 0,
        private readonly bool $resident = false,
        private readonly bool $bodiless = false,
        private readonly ?Session $session = null,
        public readonly ?OutputGuard $guard = null,
    ) {}

    /**
     * Sends these headers ahead of the response, as 103 Early Hints, so that the
     * client can fetch what the page will need while it is being made. May be
     * called several times; blocks until the server has taken them.
     *
     * @param array<string, string|list<string>> $headers such as ['Link' => '</style.css>; rel=preload; as=style']
     *
     * @throws \LogicException when the response has begun
     */
    public function earlyHints(array $headers): void
    {
        $this->answered && throw self::late('early hints');
        if ($this->started) {
            throw new \LogicException('early hints go ahead of the response, and that has begun: send them first');
        }
        $this->channel->push(Frame::data(Response::context(103, $headers), 0, Frame::STREAM, $this->number));
        $this->channel->flush();
    }

    /**
     * Sends status and headers now; the body follows by {@see Exchange::write()}, and is
     * complete when the handler returns null. For code that produces its output by
     * callbacks; a generator in a {@see Response} is simpler where one is possible.
     *
     * @param int                                        $status  200 to 599
     * @param array<string, string|int|list<string|int>> $headers values by name
     *
     * @throws \LogicException when the response has begun already
     */
    public function start(int $status = 200, array $headers = []): void
    {
        $this->answered && throw self::late('start()');
        if ($this->started) {
            throw new \LogicException('the response has begun already: call start() once');
        }
        $this->piece($this->head(new Response($status, $headers)), '');
    }

    /**
     * Sends a piece of the body; blocks until the server has taken it.
     *
     * @throws StreamStopped   when nobody reads any more
     * @throws \LogicException when the response was not begun by {@see Exchange::start()}
     */
    public function write(string $chunk): void
    {
        $this->answered && throw self::late('write()');
        if (!$this->started) {
            throw new \LogicException('the response has not begun: call start() before write()');
        }
        if ($this->isStopped()) {
            throw new StreamStopped();
        }
        if ($chunk !== '' && !$this->bodiless) {
            $this->piece('', $chunk);
        }
    }

    /**
     * Whether the client has gone while its response was streamed. Never blocks.
     */
    public function isStopped(): bool
    {
        // Before the first piece nothing can tell: there is no stream that could be stopped.
        return $this->stopped = $this->stopped || ($this->started && $this->channel->stopRequested());
    }

    /**
     * Runs $work after the client has its response. The worker takes no other
     * request meanwhile. What it throws is logged.
     *
     * @param callable(): void $work
     *
     * @throws \LogicException when such work has come to its end
     */
    public function afterwards(callable $work): void
    {
        $this->finished && throw self::late('work');
        $this->afterwards[] = $work;
    }

    /**
     * Says what follows when the answer is out and the session closed. It must not throw.
     *
     * @param \Closure(): void $restore
     *
     * @internal
     */
    public function onEnd(\Closure $restore): void
    {
        $this->onEnd = $restore;
    }

    /**
     * Again where it has thrown, and not any more when it has come to its end.
     *
     * @internal
     */
    public function end(): void
    {
        $this->onEnd === null || ($this->onEnd)();
        $this->onEnd = null;
    }

    /**
     * Takes what is printed in this request, instead of the log. It must not throw.
     *
     * @param (\Closure(string): void)|null $sink
     *
     * @internal
     */
    public function capture(?\Closure $sink): void
    {
        $this->guard?->capture($sink);
    }

    /**
     * Queues, or streams, the response; null completes what {@see Exchange::start()} has begun.
     *
     * @throws \Throwable what a streamed body throws
     *
     * @internal
     */
    public function respond(?Response $response): void
    {
        $this->ending = null;
        if ($this->answered) {
            return;
        }
        if ($response === null || $this->started) {
            $response === null || throw new \LogicException('the response was begun by start(): return null, not another response');
            $this->early || $this->session?->close();
            $this->last('');

            return;
        }
        $head = $this->head($response);
        if (\is_string($response->body)) {
            $this->early || $this->session?->close(); // who goes on may still write to it
            $this->last($head, $response->body);
        } elseif ($this->bodiless) {
            $this->session?->close();
            $this->last($head);
        } else {
            $this->stream($head, $response->body);
        }
    }

    /**
     * Completes the answer now, while the handler goes on: what it does from here on is work behind the response.
     *
     * @internal
     */
    public function complete(?Response $response): void
    {
        $this->early = true;
        $this->respond($response);
        $this->channel->flush();
    }

    /**
     * Whether the answer is complete.
     *
     * @internal
     */
    public function isAnswered(): bool
    {
        return $this->answered;
    }

    /**
     * Answers a request whose handler was ended by exit(), in a function of the shutdown.
     *
     * @param string $printed what the handler has printed
     *
     * @internal
     */
    public function exited(string $printed): void
    {
        if ($this->ending !== null) {
            $this->respond($this->ending->finish(false));
        } elseif (!$this->started && $printed !== '') {
            $this->respond(Response::html($printed));
        }
        $this->channel->flush();
    }

    /**
     * Answers a request whose handler was ended by a fatal error, where the handler knows how; else the server
     * does, which also knows whether it has caused it by a limit of time.
     *
     * @param string $error in PHP's words
     *
     * @internal
     */
    public function died(string $error): void
    {
        $response = $this->ending?->finish(true);
        if ($response === null || \str_starts_with($error, 'Maximum execution time')) {
            return;
        }
        $response->body === '' ? $this->fail(new \Error($error)) : $this->respond($response);
        $this->channel->flush();
    }

    /**
     * Queues the failure of the request. Cuts the response if parts of it are out.
     *
     * @internal
     */
    public function fail(\Throwable $failure): void
    {
        $this->ending = null;
        if ($this->answered) {
            $this->guard?->tooLate($failure);

            return;
        }
        $this->answered = true;
        $this->channel->push(Frame::error(OutputGuard::describe($failure), $this->done(), $this->number));
    }

    /**
     * The process ends behind this request: it is not to be sent another one.
     *
     * @internal
     */
    public function leave(): void
    {
        $this->leaving = true;
    }

    /**
     * Whether status and headers are out.
     *
     * @internal
     */
    public function hasStarted(): bool
    {
        return $this->started;
    }

    /**
     * Whether there is work for {@see Exchange::finish()}.
     *
     * @internal
     */
    public function unfinished(): bool
    {
        return $this->early || $this->afterwards !== [];
    }

    /**
     * @internal
     */
    public function finish(): void
    {
        // Work may ask for more work.
        while ($work = \array_shift($this->afterwards)) {
            try {
                $work();
            } catch (Forked $forked) {
                throw $forked;
            } catch (\Throwable $failure) {
                $this->guard?->tooLate($failure);
            }
        }
        $this->finished = true;
    }

    /**
     * The context of the first frame.
     */
    private function head(Response $response): string
    {
        return Response::context($response->status, $this->session?->withCookie($response->headers) ?? $response->headers);
    }

    /**
     * @param iterable<mixed, string|\Stringable> $chunks
     */
    private function stream(string $context, iterable $chunks): void
    {
        // Only the first frame carries the context.
        $pending = $context;
        foreach ($chunks as $chunk) {
            if ($this->channel->stopRequested()) {
                self::stop($chunks);
                break;
            }
            $chunk = (string) $chunk;
            if ($chunk !== '' || $pending !== '') {
                $this->piece($pending, $chunk);
                $pending = '';
            }
        }
        $this->session?->close();
        $this->last($pending);
    }

    /** Sends a frame that others follow. */
    private function piece(string $context, string $body): void
    {
        $this->started = true;
        $this->channel->push(Frame::data($context, \strlen($body), Frame::STREAM, $this->number), $body);
        $this->channel->flush();
    }

    /** Queues the last frame of the answer. */
    private function last(string $context, string $body = ''): void
    {
        $this->answered = true;
        $this->channel->push(Frame::data($context, \strlen($body), $this->done(), $this->number), $body);
    }

    /** Somebody has kept the exchange, and uses it in a later request. */
    private static function late(string $what): \LogicException
    {
        return new \LogicException("{$what} comes too late: the request that this exchange belongs to has been answered");
    }

    /** What the last frame tells of the work that is left: nothing, or {@see Frame::DONE}. */
    private function done(): int
    {
        return $this->number !== 0 && $this->resident && !$this->leaving && !$this->unfinished() ? Frame::DONE : 0;
    }

    /**
     * Ends a generator now, even if somebody else holds on to it.
     *
     * @param iterable<mixed, string|\Stringable> $chunks
     */
    private static function stop(iterable $chunks): void
    {
        if ($chunks instanceof \Generator) {
            try {
                $chunks->throw(new StreamStopped());
            } catch (StreamStopped) {
                // As it should be: nothing in the generator had to care.
            }
        }
    }
}
