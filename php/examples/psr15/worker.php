<?php

declare(strict_types=1);

// A PSR-15 request handler. Start it with: caddy run

use Nyholm\Psr7\Response;
use PhpWorker\Exchange;
use PhpWorker\Psr\Handler;
use PhpWorker\Worker;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\RequestHandlerInterface;

require __DIR__ . '/autoload.php';

$worker = Worker::create();

$app = new class () implements RequestHandlerInterface {
    private int $served = 0;

    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        $this->served++;
        $text = ['Content-Type' => 'text/plain; charset=utf-8'];

        switch ($request->getUri()->getPath()) {
            case '/':
                return new Response(200, $text, "Request {$this->served} of process " . getmypid() . "\n");
            case '/hello': // /hello?name=Anna, or a form
                $name = $request->getParsedBody()['name'] ?? $request->getQueryParams()['name'] ?? 'world';

                return new Response(200, $text, "Hello, {$name}!\n");
            case '/upload':
                $file = $request->getUploadedFiles()['file'] ?? null;
                if ($file === null) {
                    return new Response(422, $text, "Send a file in the field \"file\".\n");
                }
                $target = tempnam(sys_get_temp_dir(), 'upload');
                $file->moveTo($target);
                $answer = "{$file->getClientFilename()}: " . md5_file($target) . "\n";
                unlink($target);

                return new Response(200, $text, $answer);
            case '/hints':
                // The client fetches the style sheet while the page is being made.
                $request->getAttribute(Exchange::class)->earlyHints(['Link' => '</style.css>; rel=preload; as=style']);

                return new Response(200, $text, "hinted\n");
            case '/cookies':
                $seen = $request->getCookieParams()['seen'] ?? '0';

                return (new Response(200, $text, "seen {$seen}\n"))
                    ->withAddedHeader('Set-Cookie', 'seen=' . ((int) $seen + 1) . '; Path=/')
                    ->withAddedHeader('Set-Cookie', 'other=x; Path=/');
            case '/large': // streamed in pieces
                return new Response(200, $text, str_repeat("0123456789abcde\n", 65536));
            case '/fail':
                throw new DomainException('the reason, which the client is not told');
        }

        return new Response(404, $text, "There is no such page.\n");
    }
};

$worker->run(new Handler($app));
