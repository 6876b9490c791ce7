<?php

declare(strict_types=1);

// Prints how many rounds of work take a millisecond: of the least disturbed try.

define('Bench\MILLISECOND', 1000);
require __DIR__ . '/work.php';

$best = INF;
for ($try = 0; $try < 30; $try++) {
    $start = hrtime(true);
    Bench\work(5);
    $best = min($best, (hrtime(true) - $start) / 5e6);
}
echo (int) round(1000 / $best);
