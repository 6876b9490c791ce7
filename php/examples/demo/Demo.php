<?php

declare(strict_types=1);

use PhpWorker\Request;
use PhpWorker\Response;

/**
 * A page about the process that makes it. One object for the life of the worker:
 * what its properties hold stays from request to request.
 */
final class Demo
{
    /** What the boot of a small framework application costs, in milliseconds. */
    private const BOOT = 75.0;

    private int $requests = 0;

    private function __construct(
        private readonly Template $page,
        private readonly float $bootMilliseconds,
        private readonly int $startedAt,
    ) {}

    /**
     * Does once what must not be done for every request. A real application would
     * build its container, routes and templates and open connections here; this one
     * compiles a template, and waits for the rest of {@see Demo::BOOT}.
     */
    public static function boot(string $page): self
    {
        $start = hrtime(true);
        $template = Template::compile(file_get_contents($page));
        usleep((int) max(0, self::BOOT * 1e3 - (hrtime(true) - $start) / 1e3));

        return new self($template, (hrtime(true) - $start) / 1e6, time());
    }

    public function handle(Request $request): Response
    {
        $start = hrtime(true);
        $this->requests++;

        return match ($request->path) {
            '/' => $this->home($request, $start),
            '/json' => Response::json($this->facts($request)),
            '/slow' => $this->slow(),
            '/stream' => $this->stream($request),
            '/crash' => $this->crash(),
            default => $this->note(404, 'Nothing here', "There is no page at {$request->path}."),
        };
    }

    /**
     * @return array<string, string|int|float|bool|null>
     */
    private function facts(Request $request): array
    {
        $opcache = function_exists('opcache_get_status') ? opcache_get_status(false) : false;

        return [
            'pid' => getmypid(),
            'php' => PHP_VERSION,
            'started_at' => gmdate('Y-m-d\TH:i:s\Z', $this->startedAt),
            'uptime_seconds' => time() - $this->startedAt,
            'boot_ms' => round($this->bootMilliseconds, 1),
            'requests' => $this->requests,
            'memory_bytes' => memory_get_usage(),
            'memory_peak_bytes' => memory_get_peak_usage(),
            'protocol' => $request->protocol,
            'remote_addr' => $request->remoteAddr,
            'opcache' => $opcache !== false && $opcache['opcache_enabled'],
            'opcache_scripts' => $opcache === false ? 0 : $opcache['opcache_statistics']['num_cached_scripts'],
        ];
    }

    private function home(Request $request, int $start): Response
    {
        $facts = $this->facts($request);
        $values = [
            ...array_map('strval', $facts),
            'started' => gmdate('H:i:s', $this->startedAt),
            'uptime' => self::duration($facts['uptime_seconds']),
            'memory' => self::bytes($facts['memory_bytes']),
            'memory_peak' => self::bytes($facts['memory_peak_bytes']),
            'opcache' => $facts['opcache'] ? 'on' : 'off',
            'opcache_note' => $facts['opcache']
                ? $facts['opcache_scripts'] . ' scripts compiled and kept'
                : 'set opcache.enable_cli=1',
            'saved' => sprintf('%.1f s', ($this->requests - 1) * $this->bootMilliseconds / 1e3),
            'method' => $request->method,
            'uri' => $request->uri,
            'headers' => self::rows(array_map(static fn(array $values): string => implode(', ', $values), $request->headers)),
            'result' => $request->method === 'POST' ? $this->result($request) : '',
        ];
        $values['handle_ms'] = sprintf('%.2f', (hrtime(true) - $start) / 1e6);

        return self::page($this->page->render($values));
    }

    /**
     * What the form has brought.
     */
    private function result(Request $request): string
    {
        $text = $request->parsedBody['text'] ?? '';
        $rows = ['text' => is_string($text) ? $text : json_encode($text)];
        $file = $request->file('file');
        if ($file?->ok()) {
            $rows += [
                'file' => $file->name,
                'type, as the browser says' => $file->mime,
                'size' => number_format($file->size) . ' bytes',
                'sha256' => hash_file('sha256', $file->tmpName),
            ];
        } else {
            $rows['file'] = $file === null || $file->error === UPLOAD_ERR_NO_FILE ? 'none' : "failed, error {$file->error}";
        }

        return '<section class="card" id="result"><h2>What arrived</h2><div class="scroll"><table>'
            . self::rows($rows) . '</table></div></section>';
    }

    private function slow(): Response
    {
        usleep(2_000_000);

        return $this->note(200, 'That took two seconds', 'Process ' . getmypid() . ' was busy with it, the others went on answering.');
    }

    /**
     * A clock of thirty ticks: server-sent events for the script of the page, lines
     * of text for everybody else.
     */
    private function stream(Request $request): Response
    {
        $events = str_contains($request->header('accept'), 'text/event-stream');
        $ticks = (function () use ($events): iterable {
            $tick = 0;
            try {
                for ($tick = 1; $tick <= 30; $tick++) {
                    $line = sprintf('%s  tick %d of 30 from process %d', gmdate('H:i:s'), $tick, getmypid());
                    yield $events ? "data: {$line}\n\n" : "{$line}\n";
                    usleep(1_000_000);
                }
                yield $events ? "event: end\ndata: \n\n" : "the end\n";
            } finally {
                // Also when the client has gone away: see the log.
                fwrite(STDERR, "stream: ended at tick {$tick}\n");
            }
        })();

        return new Response(200, [
            'Content-Type' => $events ? 'text/event-stream' : 'text/plain; charset=utf-8',
            'Cache-Control' => 'no-store',
            'X-Content-Type-Options' => 'nosniff',
        ], $ticks);
    }

    private function crash(): never
    {
        fwrite(STDERR, "crash: process " . getmypid() . " ends in the middle of a request, as it was asked to\n");
        exit(1);
    }

    private function note(int $status, string $title, string $text): Response
    {
        $title = Template::escape($title);
        $text = Template::escape($text);

        return self::page(<<<HTML
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{$title}</title>
            <link rel="icon" href="/favicon.svg">
            <link rel="stylesheet" href="/style.css">
            <main><h1>{$title}</h1><p class="lead">{$text}</p><p><a href="/">Back to the page</a></p></main>

            HTML, $status);
    }

    private static function page(string $html, int $status = 200): Response
    {
        return Response::html($html, $status, [
            'Cache-Control' => 'no-store',
            'Content-Security-Policy' => "default-src 'self'; form-action 'self'; frame-ancestors 'none'",
        ]);
    }

    /**
     * @param array<string, string> $cells
     */
    private static function rows(array $cells): string
    {
        $html = '';
        foreach ($cells as $name => $cell) {
            $html .= '<tr><th scope="row">' . Template::escape((string) $name) . '</th><td class="mono">' . Template::escape($cell) . '</td></tr>';
        }

        return $html;
    }

    private static function duration(int $seconds): string
    {
        return match (true) {
            $seconds < 60 => "{$seconds} s",
            $seconds < 3600 => intdiv($seconds, 60) . ' min ' . $seconds % 60 . ' s',
            default => intdiv($seconds, 3600) . ' h ' . intdiv($seconds % 3600, 60) . ' min',
        };
    }

    private static function bytes(int $bytes): string
    {
        return sprintf('%.1f MB', $bytes / 1e6);
    }
}
