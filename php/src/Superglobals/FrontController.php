<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Response;

/**
 * Runs code that was written for PHP-FPM for each request of a worker:
 *
 *     require 'vendor/autoload.php';
 *     $app = new App();                   // boot: paid once
 *
 *     PhpWorker\Worker::create()->run(new PhpWorker\Superglobals\FrontController(
 *         static fn() => $app->run(),     // or: static fn() => require __DIR__ . '/public/index.php'
 *     ));
 *
 * The code finds $_GET, $_POST, $_COOKIE, $_FILES, $_REQUEST, $_SERVER and php://input filled; what it
 * prints is the body; header(), setcookie(), http_response_code(), session_start(),
 * is_uploaded_file(), move_uploaded_file(), filter_input(), flush(), fastcgi_finish_request(),
 * register_shutdown_function() and exit() do what they do there. Settings that it changes by ini_set(), putenv() and their
 * like are restored behind each request.
 *
 * It stays one process: classes, functions and constants that the code declares without a condition are
 * declared once (`require_once`), and static and global variables keep their values.
 */
final class FrontController
{
    private readonly Sapi $sapi;

    /** As the application has left them when it had booted. */
    private ?Settings $settings = null;

    /** @var \Closure(): void behind each request */
    private readonly \Closure $end;

    /**
     * @param \Closure(): mixed $front  what it returns does not matter
     * @param string|null       $script for SCRIPT_NAME and SCRIPT_FILENAME; null is the worker's own
     *
     * @throws \LogicException where PHP's functions cannot be honoured
     */
    public function __construct(private readonly \Closure $front, ?string $script = null)
    {
        $this->sapi = new Sapi($script, true);
        $this->end = function (): void {
            $this->sapi->clear();
            $this->settings?->restore();
        };
    }

    public function __invoke(Request $request, Exchange $exchange): ?Response
    {
        $this->settings ??= new Settings();
        \function_exists('memory_reset_peak_usage') && \memory_reset_peak_usage();
        $exchange->onEnd($this->end);

        return $this->sapi->serve($this->front, $request, $exchange);
    }
}
