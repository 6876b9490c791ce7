<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

use PhpWorker\Ending;
use PhpWorker\Request;
use PhpWorker\Response;

/**
 * What PHP's functions do within one request: those that php_worker has put in their place come here.
 *
 * @internal
 */
final class Calls implements Ending
{
    /** @var list<array{\Closure, array<int|string, mixed>}> what register_shutdown_function() was given */
    private array $shutdown = [];

    /** Whether one of those is running: one that is found so has called exit(). */
    private bool $closing = false;

    /**
     * @param array<string, true> $uploads      the paths of the files of this request
     * @param bool                $endsRequests whether the end of a request is one to register_shutdown_function()
     */
    public function __construct(
        private readonly Headers $headers,
        private readonly Output $output,
        private array $uploads,
        private readonly bool $endsRequests,
        private readonly Request $request,
    ) {}

    /**
     * @param array<int, mixed> $arguments
     */
    public function call(string $function, array $arguments): mixed
    {
        switch ($function) {
            case 'header':
                $this->mayChange() && $this->headers->header(...$arguments);

                return null;
            case 'setcookie':
            case 'setrawcookie':
                return $this->mayChange() && $this->headers->cookie($function === 'setcookie', ...$arguments);
            case 'header_remove':
                $this->mayChange() && $this->headers->remove($arguments[0] ?? null);

                return null;
            case 'header_register_callback':
                return $this->headers->registerCallback($arguments[0]);
            case 'headers_list':
                return $this->headers->list();
            case 'headers_sent':
                return $this->output->hasSent();
            case 'http_response_code':
                return $this->headers->code($arguments[0] ?? 0);
            case 'is_uploaded_file':
                return isset($this->uploads[$arguments[0]]);
            case 'move_uploaded_file':
                return $this->move(...$arguments);
            case 'request_parse_body':
                return $this->parsed();
            case 'flush':
                $this->output->flush();

                return null;
            case 'connection_status':
                return $this->output->isAborted() ? \CONNECTION_ABORTED : \CONNECTION_NORMAL;
            case 'fastcgi_finish_request':
                return $this->output->finishEarly();
            case 'headers_send':
                return $this->output->sendHeaders($arguments[0]);
            case 'frankenphp_response_headers':
                return $this->headers->map();
            case 'register_shutdown_function':
                if ($this->endsRequests) {
                    $this->shutdown[] = $arguments;
                }

                return $this->endsRequests;
        }

        throw new \LogicException("{$function}() is not known here: php_worker and its PHP package are of different versions");
    }

    /**
     * The request has come to its end: what was registered for that runs, and what it registers. May be called
     * again after exit() has ended it.
     */
    public function shutDown(): void
    {
        if ($this->closing) {
            $this->shutdown = [];
        }
        $this->closing = true;
        while (($next = \array_shift($this->shutdown)) !== null) {
            $next[0](...$next[1]);
        }
        $this->closing = false;
    }

    public function finish(bool $fatal): ?Response
    {
        if ($fatal) {
            $this->output->recover();
            $this->shutDown();
        }

        return $this->output->finish($fatal ? 500 : 200);
    }

    /**
     * The form of a request, whatever its method, as PHP 8.4 parses it when it is asked to: fields, and files.
     *
     * @return array{array<array-key, mixed>, array<array-key, mixed>}
     */
    private function parsed(): array
    {
        $type = $this->request->header('content-type');
        if (!\in_array(\strtolower(\trim(\explode(';', $type)[0])), ['application/x-www-form-urlencoded', 'multipart/form-data'], true)) {
            throw new \RequestParseBodyException("Content-Type \"{$type}\" is not supported");
        }
        if ($this->request->method === 'POST') {
            return [[], []]; // $_POST and $_FILES have it
        }

        return [Variables::form($this->request), $this->request->files === [] ? [] : Variables::files($this->request->files)];
    }

    private function mayChange(): bool
    {
        if (!$this->output->hasSent()) {
            return true;
        }
        \trigger_error('Cannot modify header information - headers already sent', \E_USER_WARNING);

        return false;
    }

    private function move(string $from, string $to): bool
    {
        if (!isset($this->uploads[$from])) {
            return false;
        }
        if (!@\rename($from, $to)) {
            \trigger_error("move_uploaded_file(): Unable to move \"{$from}\" to \"{$to}\"", \E_USER_WARNING);

            return false;
        }
        unset($this->uploads[$from]);
        // The server created it for its owner alone.
        @\chmod($to, 0666 & ~\umask());

        return true;
    }
}
