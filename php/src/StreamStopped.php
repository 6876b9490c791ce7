<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * Thrown into the generator of a streamed response, at its current `yield`, when
 * nobody reads the stream any more. A generator need not catch it: its `finally`
 * blocks run either way, and chunks yielded afterwards are dropped.
 */
final class StreamStopped extends \RuntimeException
{
    public function __construct()
    {
        parent::__construct('the client has gone away, the stream was stopped');
    }
}
