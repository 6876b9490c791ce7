<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * This process is not the worker, but one that a handler has forked: the relay is not its own.
 *
 * @internal
 */
final class Forked extends \RuntimeException
{
    public function __construct()
    {
        parent::__construct('a process forked in a request goes no further than its own work, as the answer is the worker\'s: end it with exit()');
    }
}
