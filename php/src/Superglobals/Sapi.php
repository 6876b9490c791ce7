<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\StreamStopped;
use PhpWorkerServer\Functions;

/**
 * What surrounds code that was written for a web server's PHP, within one request: superglobals, php://input,
 * and the functions that answer.
 *
 * @internal
 */
final class Sapi
{
    /** @var array<string, mixed> of the process: what the environment has */
    private readonly array $server;

    private readonly string $script;

    /** What $_REQUEST has, the last one of a name counting: G, P and C. */
    private readonly string $order;

    /**
     * @param string|null $script       for SCRIPT_NAME and SCRIPT_FILENAME; null is the worker's own
     * @param bool        $endsRequests whether functions for the shutdown are for that of each request
     *
     * @throws \LogicException where PHP's functions cannot be honoured
     */
    public function __construct(?string $script, private readonly bool $endsRequests)
    {
        if (!\method_exists(Functions::class, 'serving')) {
            throw new \LogicException('PHP\'s command line drops what header() and setcookie() say: superglobals need a worker that '
                . 'php_worker, in a version as new as this package, has started, without an auto_prepend_file of its command line and without "ini auto_prepend_file none"');
        }
        Functions::serving();
        $this->order = (string) (\ini_get('request_order') ?: \ini_get('variables_order'));
        $script ??= $_SERVER['SCRIPT_FILENAME'] ?? 'index.php';
        $this->script = \realpath($script) ?: $script;
        // Nothing of the environment is to look as if a client had sent it.
        $this->server = \array_filter(
            $_SERVER,
            static fn(string|int $name): bool => \preg_match('/^(HTTP_|PHP_AUTH_|CONTENT_|REMOTE_|PATH_|argv$|argc$|HTTPS$|AUTH_TYPE$|FRANKENPHP_WORKER$)/', (string) $name) !== 1,
            \ARRAY_FILTER_USE_KEY,
        );
    }

    /**
     * Runs $code for a request. The superglobals are still those of the request behind it.
     *
     * @param \Closure(): mixed $code
     */
    public function serve(\Closure $code, Request $request, Exchange $exchange): ?Response
    {
        $headers = new Headers();
        $output = new Output($exchange, $headers);
        $calls = new Calls($headers, $output, $request->files === [] ? [] : Variables::paths($request->files), $this->endsRequests, $request);
        // What the request before has left in them may throw when it is destroyed.
        $exchange->guard?->insist(fn() => $this->fill($request));
        $exchange->ending = $calls;
        Functions::$honour = $calls->call(...);
        \error_clear_last();
        // Else who has set a seed has set the numbers of the next request, too.
        \mt_srand();
        $input = $request->body . $request->formText;
        $input === '' || Input::install($input);
        try {
            $output->begin();
            \ini_get('session.auto_start') && \session_start();
            $this->run($code, $calls);

            return $output->finish();
        } finally {
            try {
                $output->discard();
            } finally {
                // Whatever an output buffer throws, or what is destroyed with the request: nothing of it stays.
                $input === '' || Input::remove();
                Functions::$honour = null;
            }
        }
    }

    /**
     * As PHP does between two requests.
     */
    public function clear(): void
    {
        $_GET = $_POST = $_FILES = $_REQUEST = [];
        $_SERVER = $this->server;
    }

    /**
     * @param \Closure(): mixed $code
     */
    private function run(\Closure $code, Calls $calls): void
    {
        try {
            $code();
        } catch (StreamStopped $stopped) {
            $calls->shutDown();
            throw $stopped;
        } catch (\Throwable $failure) {
            $handler = \set_exception_handler(null);
            \restore_exception_handler();
            if ($handler === null) {
                $calls->shutDown();
                throw $failure;
            }
            try {
                $handler($failure);
            } catch (\Throwable $failure) {
                $calls->shutDown();
                throw $failure;
            }
        }
        $calls->shutDown();
    }

    private function fill(Request $request): void
    {
        // PHP parses the form of POST, and leaves that of others to the script; a multipart one it could not read any more here.
        $form = $request->method === 'POST' || $request->formText === '' ? Variables::form($request) : [];
        $_GET = $request->query;
        $_POST = $form;
        $_COOKIE = Variables::cookies($request);
        $_FILES = $request->files === [] ? [] : Variables::files($request->files);
        $_SERVER = Variables::server($request, $this->script) + $this->server;
        if ($this->order === 'GP') {
            $_REQUEST = $form === [] ? $_GET : \array_replace($_GET, $form);

            return;
        }
        $_REQUEST = [];
        foreach (\str_split($this->order) as $letter) {
            $_REQUEST = \array_replace($_REQUEST, match ($letter) {
                'G' => $_GET, 'P' => $_POST, 'C' => $_COOKIE, default => [],
            });
        }
    }
}
