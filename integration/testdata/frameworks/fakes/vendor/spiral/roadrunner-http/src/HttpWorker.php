<?php

declare(strict_types=1);

namespace Spiral\RoadRunner\Http;

use Spiral\RoadRunner\Worker;

final class HttpWorker
{
    public function __construct(private readonly Worker $worker) {}

    public function waitRequest(): ?object
    {
        $request = $this->worker->wait();

        return $request === null ? null : (object) (['body' => $request[1], 'uploads' => $request[0]['uploads'] ?? []] + $request[0]);
    }

    public function respond(int $status, string $body): void
    {
        $this->worker->send(json_encode(['status' => $status, 'headers' => (object) []]), $body);
    }
}
