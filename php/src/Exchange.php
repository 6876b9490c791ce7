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

    /**
     * @internal
     */
    public function __construct(private readonly Channel $channel) {}

    /**
     * Sends these headers ahead of the response, as 103 Early Hints, so that the
     * client can fetch what the page will need while it is being made. May be
     * called several times; blocks until the server has taken them.
     *
     * @param array<string, string|list<string>> $headers such as ['Link' => '</style.css>; rel=preload; as=style']
     */
    public function earlyHints(array $headers): void
    {
        $this->channel->push(Frame::data(Response::context(103, $headers), 0, Frame::STREAM));
        $this->channel->flush();
    }

    /**
     * Runs $work after the client has its response. The worker takes no other
     * request meanwhile. What it throws is logged.
     *
     * @param callable(): void $work
     */
    public function afterwards(callable $work): void
    {
        $this->afterwards[] = $work;
    }

    /**
     * Queues, or streams, the response.
     *
     * @throws \Throwable what a streamed body throws
     *
     * @internal
     */
    public function respond(Request $request, Response $response): void
    {
        $context = Response::context($response->status, $response->headers);
        if (\is_string($response->body)) {
            $this->channel->push(Frame::data($context, \strlen($response->body)), $response->body);
        } elseif ($request->method === 'HEAD') {
            $this->channel->push(Frame::data($context, 0));
        } else {
            $this->stream($context, $response->body);
        }
    }

    /**
     * Queues the failure of the request. Cuts the response if parts of it are out.
     *
     * @internal
     */
    public function fail(\Throwable $failure): void
    {
        $this->channel->push(Frame::error((string) $failure));
    }

    /**
     * Whether there is work for {@see Exchange::finish()}.
     *
     * @internal
     */
    public function unfinished(): bool
    {
        return $this->afterwards !== [];
    }

    /**
     * @internal
     */
    public function finish(OutputGuard $guard): void
    {
        // Work may ask for more work.
        while ($work = \array_shift($this->afterwards)) {
            try {
                $work();
            } catch (\Throwable $failure) {
                $guard->log('error', 'after the response: ' . $failure);
            }
        }
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
                $this->channel->push(Frame::data($pending, \strlen($chunk), Frame::STREAM), $chunk);
                $this->channel->flush();
                $pending = '';
            }
        }
        $this->channel->push(Frame::data($pending, 0));
    }

    /**
     * Ends a generator now, even if somebody else holds on to it.
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
