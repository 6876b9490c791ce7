<?php

declare(strict_types=1);

namespace Bench;

/**
 * As much work as takes so many milliseconds on an idle machine. It is counted in
 * rounds and not in time: who is interrupted has no less to do.
 */
function work(float $milliseconds): int
{
    $length = 0;
    for ($round = (int) ($milliseconds * MILLISECOND); $round > 0; $round--) {
        $length += \strlen(\md5((string) $round));
    }

    return $length;
}
