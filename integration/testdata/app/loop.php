<?php

declare(strict_types=1);

// The application behind our own loop.

use PhpWorker\Channel;
use PhpWorker\Exchange;
use PhpWorker\Frame;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Upload;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';

/**
 * Answers as a handler of ours does, by what it returns; and, where a test wants
 * what no handler can do, past the loop.
 */
final class LoopOut implements Out
{
    public ?Response $response = null;

    public ?string $error = null;

    public function __construct(private readonly Exchange $exchange) {}

    public function able(): array
    {
        return ['stream', 'stop', 'hints'];
    }

    public function answer(int $status, array $headers, string $body): void
    {
        $this->past();
        $this->response = $this->response($status, $headers, $body);
    }

    public function stream(int $status, array $headers, Generator $chunks): void
    {
        $this->past();
        $this->response = $this->response($status, $headers, $chunks);
    }

    public function hints(array $headers): void
    {
        $this->exchange->earlyHints($headers);
    }

    public function error(string $text): void
    {
        $this->past();
        $this->error = $text;
    }

    public function raw(string $context, string $body): void
    {
        $channel = (fn(): Channel => $this->channel)->call($this->exchange);
        $number = (fn(): int => $this->number)->call($this->exchange);
        $channel->push(Frame::data($context, strlen($body), 0, $number), $body);
        $channel->flush();
    }

    /** Sends an answer that another one follows. */
    private function past(): void
    {
        if ($this->response !== null) {
            $this->raw(Response::context($this->response->status, $this->response->headers), $this->response->body);
        }
        $this->response = null;
    }

    /** A Response whose status nobody has checked. */
    private function response(int $status, array $headers, string|iterable $body): Response
    {
        $class = new ReflectionClass(Response::class);
        $response = $class->newInstanceWithoutConstructor();
        foreach (['status' => $status, 'headers' => $headers, 'body' => $body] as $name => $value) {
            $class->getProperty($name)->setValue($response, $value);
        }

        return $response;
    }
}

$files = static function (array $tree) use (&$files): array {
    return array_map(static fn(mixed $file): array => $file instanceof Upload ? [
        'name' => $file->name,
        'type' => $file->mime,
        'size' => $file->size,
        'error' => $file->error,
        'sha1' => $file->ok() ? sha1_file($file->tmpName) : '',
        'path' => $file->tmpName,
    ] : $files($file), $tree);
};

Worker::create()->run(static function (Request $request, Exchange $exchange) use ($files): ?Response {
    $protocol = substr($request->protocol, 5);
    $out = new LoopOut($exchange);
    app(new In(
        $request->method,
        $request->uri,
        $request->path,
        $protocol === '2.0' ? '2' : $protocol, // as PSR-7 names it
        $request->headers,
        $request->cookies,
        $request->query,
        $request->parsedBody,
        $files($request->files),
        $request->attributes,
        $request->remoteAddr,
        $request->body,
    ), $out);
    if ($out->error !== null) {
        throw new RuntimeException($out->error);
    }

    return $out->response;
});
