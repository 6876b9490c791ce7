<?php

declare(strict_types=1);

// The application behind the unmodified packages: spiral/roadrunner-http 2.0 to
// 3.x and nyholm/psr7.

use Nyholm\Psr7\Factory\Psr17Factory;
use Nyholm\Psr7\Response;
use Psr\Http\Message\UploadedFileInterface;
use Spiral\Goridge\Exception\GoridgeException;
use Spiral\RoadRunner\Exception\RoadRunnerException;
use Spiral\RoadRunner\Http\HttpWorker;
use Spiral\RoadRunner\Http\PSR7Worker;
use Spiral\RoadRunner\Payload;
use Spiral\RoadRunner\Worker;
use Spiral\RoadRunner\WorkerInterface;

require getenv('PHP_VENDOR_DIR') . '/vendor/autoload.php';

final class PackagesOut implements Out
{
    private readonly HttpWorker $http;

    /** Whether respond() takes a generator, since 3.0. */
    private readonly bool $generator;

    public function __construct(private readonly PSR7Worker $psr7, private readonly WorkerInterface $worker)
    {
        $this->http = new HttpWorker($worker);
        $this->generator = (new ReflectionMethod($this->http, 'respond'))->getNumberOfParameters() > 3;
    }

    public function able(): array
    {
        return match (true) {
            $this->generator => ['stream', 'stop', 'hints'],
            method_exists($this->http, 'respondStream') => ['stream'], // 2.1 and later
            default => [],
        };
    }

    public function answer(int $status, array $headers, string $body): void
    {
        try {
            $response = new Response($status, $headers, $body);
        } catch (InvalidArgumentException) { // PSR-7 refuses it, HttpWorker does not
            $this->http->respond($status, $body, $headers);

            return;
        }
        $this->psr7->respond($response);
    }

    public function stream(int $status, array $headers, Generator $chunks): void
    {
        if ($this->generator) {
            $this->http->respond($status, $chunks, $headers);
        } else {
            $this->http->respondStream($status, $chunks, $headers);
        }
    }

    public function hints(array $headers): void
    {
        $this->http->respond(103, '', $headers, false);
    }

    public function error(string $text): void
    {
        $this->worker->error($text);
    }

    public function raw(string $context, string $body): void
    {
        $this->worker->respond(new Payload($body, $context));
    }
}

$files = static function (array $tree) use (&$files): array {
    return array_map(static fn(mixed $file): array => $file instanceof UploadedFileInterface ? [
        'name' => $file->getClientFilename(),
        'type' => $file->getClientMediaType(),
        'size' => $file->getSize(),
        'error' => $file->getError(),
        'sha1' => $file->getError() === UPLOAD_ERR_OK ? sha1((string) $file->getStream()) : '',
        'path' => $file->getError() === UPLOAD_ERR_OK ? $file->getStream()->getMetadata('uri') : '',
    ] : $files($file), $tree);
};

$worker = Worker::create();
$factory = new Psr17Factory();
$psr7 = new PSR7Worker($worker, $factory, $factory, $factory);
$out = new PackagesOut($psr7, $worker);

while (true) {
    try {
        $request = $psr7->waitRequest();
    } catch (Throwable $failure) {
        // The manual of RoadRunner answers here; Symfony's and Laravel's loops do
        // not even catch it, so that their process ends.
        if (getenv('UNCAUGHT') || $failure instanceof GoridgeException || $failure instanceof RoadRunnerException) {
            throw $failure;
        }
        $worker->error((string) $failure);
        continue;
    }
    if ($request === null) {
        break;
    }
    try {
        app(new In(
            $request->getMethod(),
            (string) $request->getUri(),
            $request->getUri()->getPath(),
            $request->getProtocolVersion(),
            $request->getHeaders(),
            $request->getCookieParams(),
            $request->getQueryParams(),
            $request->getParsedBody(),
            $files($request->getUploadedFiles()),
            $request->getAttributes(),
            $_SERVER['REMOTE_ADDR'] ?? '',
            (string) $request->getBody(),
        ), $out);
    } catch (GoridgeException | RoadRunnerException $gone) {
        throw $gone; // the relay is no more
    } catch (Throwable $failure) {
        $worker->error((string) $failure);
    }
}
