<?php

declare(strict_types=1);

namespace PhpWorker\Psr;

use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Upload;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestFactoryInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Message\StreamFactoryInterface;
use Psr\Http\Message\StreamInterface;
use Psr\Http\Message\UploadedFileFactoryInterface;
use Psr\Http\Message\UploadedFileInterface;
use Psr\Http\Server\RequestHandlerInterface;

/**
 * Serves a PSR-15 request handler, or a function from a PSR-7 request to a response:
 *
 *     PhpWorker\Worker::create()->run(new PhpWorker\Psr\Handler($app));
 *
 * The messages are made by any PSR-17 factories: those given, or those of nyholm/psr7,
 * guzzlehttp/psr7, laminas/laminas-diactoros or slim/psr7, whichever is installed.
 *
 * The request has the attributes of the pool's configuration, and the {@see Exchange} under
 * its class name, for early hints and work after the response.
 */
final class Handler
{
    /** Bytes read from a response's body at once. */
    private const CHUNK = 65536;

    private const FACTORIES = [
        'Nyholm\Psr7\Factory\Psr17Factory',
        'GuzzleHttp\Psr7\HttpFactory',
        ['Laminas\Diactoros\ServerRequestFactory', 'Laminas\Diactoros\StreamFactory', 'Laminas\Diactoros\UploadedFileFactory'],
        ['Slim\Psr7\Factory\ServerRequestFactory', 'Slim\Psr7\Factory\StreamFactory', 'Slim\Psr7\Factory\UploadedFileFactory'],
    ];

    private readonly ServerRequestFactoryInterface $requests;
    private readonly StreamFactoryInterface $streams;
    private readonly UploadedFileFactoryInterface $files;

    /** @var callable(ServerRequestInterface): ResponseInterface */
    private $handler;

    /** @var list<\WeakReference<StreamInterface>> of the files that the request at hand has uploaded */
    private array $open = [];

    /**
     * @param RequestHandlerInterface|callable(ServerRequestInterface): ResponseInterface $handler
     *
     * @throws \LogicException when a factory is missing
     */
    public function __construct(
        RequestHandlerInterface|callable $handler,
        ?ServerRequestFactoryInterface $requests = null,
        ?StreamFactoryInterface $streams = null,
        ?UploadedFileFactoryInterface $files = null,
    ) {
        $this->handler = $handler instanceof RequestHandlerInterface ? $handler->handle(...) : $handler;
        if ($requests === null || $streams === null || $files === null) {
            [$ofRequests, $ofStreams, $ofFiles] = self::discover();
            $requests ??= $ofRequests;
            $streams ??= $ofStreams;
            $files ??= $ofFiles;
        }
        [$this->requests, $this->streams, $this->files] = [$requests, $streams, $files];
    }

    public function __invoke(Request $request, Exchange $exchange): Response
    {
        // Those of the request before: as a part of garbage they would stay open until it is collected.
        foreach ($this->open as $stream) {
            $stream->get()?->close();
        }
        $this->open = [];
        $response = ($this->handler)($this->request($request, $exchange));
        $body = $response->getBody();
        $size = $body->getSize();

        return new Response(
            $response->getStatusCode(),
            $response->getHeaders(),
            $size !== null && $size <= self::CHUNK ? (string) $body : self::chunks($body),
        );
    }

    private function request(Request $request, Exchange $exchange): ServerRequestInterface
    {
        $message = $this->requests->createServerRequest($request->method, $request->uri, $request->serverVariables());
        foreach ($request->headers as $name => $values) {
            $message = $message->withHeader((string) $name, $values);
        }
        if ($request->body !== '') {
            $message = $message->withBody($this->streams->createStream($request->body));
        }
        foreach ($request->attributes as $name => $value) {
            $message = $message->withAttribute((string) $name, $value);
        }

        return $message
            ->withProtocolVersion(\substr($request->protocol, 5))
            ->withCookieParams($request->cookies)
            ->withQueryParams($request->query)
            ->withParsedBody($request->parsedBody)
            ->withUploadedFiles($this->files($request->files))
            ->withAttribute(Exchange::class, $exchange);
    }

    /**
     * @param array<array-key, mixed> $tree
     *
     * @return array<array-key, mixed>
     */
    private function files(array $tree): array
    {
        return \array_map(fn(mixed $node): mixed => $node instanceof Upload ? $this->file($node) : $this->files((array) $node), $tree);
    }

    private function file(Upload $upload): UploadedFileInterface
    {
        $stream = $upload->ok() ? $this->streams->createStreamFromFile($upload->tmpName) : $this->streams->createStream();
        $this->open[] = \WeakReference::create($stream);

        return $this->files->createUploadedFile($stream, $upload->size, $upload->error, $upload->name, $upload->mime);
    }

    /**
     * @return \Generator<int, string>
     */
    private static function chunks(StreamInterface $body): \Generator
    {
        if ($body->isSeekable()) {
            $body->rewind();
        }
        try {
            while (!$body->eof()) {
                yield $body->read(self::CHUNK);
            }
        } finally {
            $body->close();
        }
    }

    /**
     * @return array{ServerRequestFactoryInterface, StreamFactoryInterface, UploadedFileFactoryInterface}
     */
    private static function discover(): array
    {
        foreach (self::FACTORIES as $classes) {
            if (\class_exists(((array) $classes)[0])) {
                $factories = \array_map(static fn(string $class): object => new $class(), (array) $classes);

                return \count($factories) === 1 ? [$factories[0], $factories[0], $factories[0]] : $factories;
            }
        }

        throw new \LogicException('no PSR-17 factories are installed: "composer require nyholm/psr7", or name yours in the constructor of ' . self::class);
    }
}
