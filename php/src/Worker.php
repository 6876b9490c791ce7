<?php

declare(strict_types=1);

namespace PhpWorker;

use PhpWorkerServer\Functions;

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
    /** Errors that PHP does not come back from. */
    private const FATAL = \E_ERROR | \E_PARSE | \E_CORE_ERROR | \E_COMPILE_ERROR | \E_RECOVERABLE_ERROR | \E_USER_ERROR;

    private bool $stopped = false;

    /** The number of a request whose answer is out, and of which the server does not know yet that it is done. */
    private int $undone = 0;

    /** The request that is being answered, for exit() and fatal errors. */
    private ?Exchange $exchange = null;

    /** As the application has left it when it had booted. */
    private ?Environment $environment = null;

    /** Whether the application may boot within its first request. */
    private bool $late = false;

    private readonly Session $session;

    /**
     * @internal use {@see Worker::create()}
     */
    public function __construct(
        private readonly Channel $channel,
        private readonly OutputGuard $guard,
    ) {
        $this->session = new Session();
    }

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
        $worker = new self(Relay::open($relay), new OutputGuard());
        if (\method_exists(Functions::class, 'atLast')) {
            Functions::atLast($worker->shutDown(...));
        } else {
            \register_shutdown_function($worker->shutDown(...));
        }

        return $worker;
    }

    /**
     * Answers requests until the server asks for the end, or is gone. Blocks.
     *
     * What the handler throws fails its request only: the client gets the status
     * 500 and the worker goes on. A handler that ends in exit() delivers what it has
     * printed, and its worker ends behind it.
     *
     * Between two requests these are restored: output buffers, the error and exception handlers,
     * error_reporting(), locale, timezone, umask and working directory, as they were when the
     * first request came; and the session is closed and its id forgotten.
     *
     * @param callable(Request, Exchange): mixed $handler returns a {@see Response}; or a string
     *        (HTML), an array (JSON), a generator (streamed HTML), null (204, or the end of what
     *        {@see Exchange::start()} has begun)
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
     * Ends the worker behind the request at hand: {@see Worker::run()} returns, and the server starts another
     * process. For a handler that has noticed that its process had better be replaced.
     */
    public function stop(): void
    {
        $this->stopped = true;
        $this->exchange?->leave();
    }

    /**
     * Lets the first request set the time zone, error_reporting() and the handlers of errors and exceptions for all:
     * an application that boots within it sets them there.
     *
     * @internal
     */
    public function bootsLate(): void
    {
        $this->late = true;
    }

    /**
     * @param callable(Request, Exchange): mixed $handler
     * @param bool                               $resident the caller does nothing but call again
     */
    private function serve(callable $handler, bool $resident): bool
    {
        $this->guard->settle();
        $this->environment ??= new Environment();
        $this->channel->own();
        try {
            $frame = $this->wait();
            if ($frame === null) {
                return false;
            }
            $this->answer($frame, $handler, $resident);

            return true;
        } catch (RelayClosed) {
            return false;
        } catch (Forked $forked) {
            $this->guard->log('warning', $forked->getMessage());
            exit(0);
        } finally {
            $this->exchange = null;
        }
    }

    /**
     * @param callable(Request, Exchange): mixed $handler
     *
     * @throws RelayClosed
     * @throws Forked
     */
    private function answer(Frame $frame, callable $handler, bool $resident): void
    {
        $exchange = null;
        $this->guard->begin();
        try {
            $request = Request::fromFrame($frame);
            $this->exchange = $exchange = new Exchange($this->channel, $frame->number, $resident, $request->method === 'HEAD', $this->session, $this->guard);
            $this->session->begin($request);
            $result = $handler($request, $exchange);
            $exchange->respond($result === null && $exchange->hasStarted() ? null : Response::from($result));
        } catch (RelayClosed | Forked $end) {
            throw $end;
        } catch (StreamStopped $stopped) {
            // Nobody reads the response any more; what it ends with does not matter.
            $exchange !== null && $exchange->hasStarted() ? $exchange->respond(null) : $exchange?->fail($stopped);
        } catch (\Throwable $failure) {
            ($exchange ??= new Exchange($this->channel, $frame->number, $resident))->fail($failure);
        }
        $this->exchange = null;
        if (!$resident || $exchange->unfinished()) {
            $this->undone = $frame->number;
        } else {
            // Nothing is left to do for this request: what the server asks to learn
            // just that may be answered in the same write.
            while (!$this->stopped && ($control = $this->channel->bufferedControl()) !== null) {
                $this->obey($control);
            }
        }
        $this->channel->flush();
        $exchange->finish();
        try {
            $this->clear($exchange);
        } catch (RelayClosed | Forked $end) {
            throw $end;
        } catch (\Throwable $failure) {
            $this->guard->tooLate($failure);
            $this->guard->insist(fn() => $this->clear($exchange));
        }
    }

    /**
     * Leaves nothing of a request that is over to the next one.
     */
    private function clear(Exchange $exchange): void
    {
        $this->session->end();
        $exchange->end();
        if ($this->late) {
            $this->late = false;
            $this->environment?->adopt();
        }
        $this->environment?->restore();
    }

    /**
     * The process ends. If that is within a request, exit() has done it, or a fatal error.
     */
    private function shutDown(): void
    {
        $exchange = $this->exchange;
        // A process that the handler has forked has nothing to say to the server.
        if ($exchange === null || $this->channel->own() !== \getmypid()) {
            return;
        }
        $exchange->leave();
        $error = \error_get_last();
        $fatal = $error !== null && ($error['type'] & self::FATAL) !== 0;
        try {
            if ($fatal) { // PHP calls no destructor any more
                $exchange->died($error['message']);
                $this->exchange = null;
            } else {
                $exchange->ending?->shutDown();
                $this->guard->atEnd($this->exited(...));
            }
        } catch (RelayClosed) {
            // Nobody waits for it.
        } catch (\Throwable $failure) {
            $this->guard->log('error', 'after ' . ($fatal ? 'a fatal error: ' : 'exit(): ') . OutputGuard::describe($failure));
        }
    }

    /**
     * All has been printed.
     */
    private function exited(): void
    {
        [$exchange, $this->exchange] = [$this->exchange, null];
        try {
            $exchange?->exited($this->guard->printed());
        } catch (RelayClosed) {
            // Nobody waits for it.
        } catch (\Throwable $failure) {
            $this->guard->log('error', 'after exit(): ' . OutputGuard::describe($failure));
        }
    }

    /**
     * The next request; null when there will be none.
     */
    private function wait(): ?Frame
    {
        if ($this->undone !== 0 && !$this->stopped) {
            $this->channel->push(Frame::control('{"done":true}', $this->undone));
            $this->undone = 0;
        }
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
            // Asks: are you waiting?
            $this->channel->push(Frame::control('{"pid":' . $this->channel->own() . ',"numbers":true}'));
        } else {
            $this->guard->log('warning', 'unknown control message, ignored: ' . $control->body);
        }
    }
}
