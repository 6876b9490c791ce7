<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * Keeps the application resident: what stands above {@see Worker::run()} happens
 * once per process, the handler once per request.
 *
 *     require 'vendor/autoload.php';
 *
 *     use PhpWorker\{Request, Response, Worker};
 *
 *     $worker = Worker::create();
 *     $app = new App();               // boot: paid once
 *
 *     $worker->run(fn (Request $request) => Response::html($app->page($request->path)));
 */
final class Worker
{
    private bool $stopped = false;

    private ?int $pid = null;

    /**
     * @internal use {@see Worker::create()}
     */
    public function __construct(
        private readonly Channel $channel,
        private readonly OutputGuard $guard,
    ) {}

    /**
     * Opens the relay to the server, and from now on sends what is printed to the
     * log instead of stdout: best called before the application boots.
     *
     * @param string|null $relay as {@see Relay} describes; null reads RR_RELAY
     *
     * @throws \RuntimeException when the script was not started by the server
     */
    public static function create(?string $relay = null): self
    {
        return new self(Relay::open($relay), new OutputGuard());
    }

    /**
     * Answers requests until the server asks for the end, or is gone. Blocks.
     *
     * What the handler throws fails its request only: the client gets the status
     * 500 and the worker goes on.
     *
     * @param callable(Request, Exchange): mixed $handler returns a {@see Response}; or a string
     *        (HTML), an array (JSON), a generator (streamed HTML), null (204)
     *
     * @throws ProtocolException when something that is not the server writes to the relay
     */
    public function run(callable $handler): void
    {
        while ($this->serve($handler, resident: true));
    }

    /**
     * Waits for one request and answers it.
     *
     * @param callable(Request, Exchange): mixed $handler as for {@see Worker::run()}
     *
     * @return bool false when there is none any more: the server asked for the end, or is gone
     *
     * @throws ProtocolException when something that is not the server writes to the relay
     */
    public function once(callable $handler): bool
    {
        return $this->serve($handler, resident: false);
    }

    /**
     * @param bool $resident the caller does nothing but call again
     */
    private function serve(callable $handler, bool $resident): bool
    {
        $this->guard->settle();
        try {
            $frame = $this->wait();
            if ($frame === null) {
                return false;
            }
            $exchange = new Exchange($this->channel);
            $this->guard->begin();
            try {
                $request = Request::fromFrame($frame);
                $exchange->respond($request, Response::from($handler($request, $exchange)));
            } catch (RelayClosed $closed) {
                throw $closed;
            } catch (\Throwable $failure) {
                $exchange->fail($failure);
            }
            if ($resident && !$exchange->unfinished()) {
                // Nothing is left to do for this request: what the server asks to learn
                // just that may be answered in the same write.
                while (!$this->stopped && ($control = $this->channel->bufferedControl()) !== null) {
                    $this->obey($control);
                }
            }
            $this->channel->flush();
            $exchange->finish($this->guard);

            return true;
        } catch (RelayClosed) {
            return false;
        }
    }

    /**
     * The next request; null when there will be none.
     */
    private function wait(): ?Frame
    {
        while (!$this->stopped) {
            $frame = $this->channel->bufferedControl();
            if ($frame === null) {
                $this->channel->flush();
                $frame = $this->channel->receive();
            }
            if ($frame === null) {
                break;
            }
            if (($frame->flags & Frame::CONTROL) !== 0) {
                $this->obey($frame);
            } elseif (($frame->stream & (Frame::STOP | Frame::PING | Frame::PONG)) === 0) {
                return $frame;
            }
            // Else it was meant for a stream that ended before it came.
        }
        $this->channel->flush();

        return null;
    }

    /**
     * Queues the answer to a control frame.
     */
    private function obey(Frame $control): void
    {
        $message = \json_decode($control->context . $control->body, true);
        if (!empty($message['stop'])) {
            $this->stopped = true;
        } elseif (!empty($message['pid'])) {
            // Asks: are you waiting? Once per request, so the system is asked only once.
            $this->pid ??= \getmypid();
            $this->channel->push(Frame::control('{"pid":' . $this->pid . '}'));
        } else {
            $this->guard->log('warning', 'unknown control message, ignored: ' . $control->body);
        }
    }
}
