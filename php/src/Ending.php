<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * How a request goes on whose handler was ended by exit(), or by a fatal error.
 *
 * @internal
 */
interface Ending
{
    /**
     * Runs behind exit(), before the destructors; may be called again where exit() has ended it, too.
     */
    public function shutDown(): void;

    /**
     * The answer; null is what was started.
     *
     * @param bool $fatal an error has ended it: nothing else of this was called
     */
    public function finish(bool $fatal): ?Response;
}
