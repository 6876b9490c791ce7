<?php

declare(strict_types=1);

namespace App;

use Symfony\Contracts\Service\ResetInterface;

/**
 * A service with state of one request: Symfony calls reset() before the next one.
 */
final class Visits implements ResetInterface
{
    /** @var list<string> */
    private array $seen = [];

    public function add(string $what): int
    {
        $this->seen[] = $what;

        return \count($this->seen);
    }

    public function reset(): void
    {
        $this->seen = [];
    }
}
