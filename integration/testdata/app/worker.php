<?php

declare(strict_types=1);

// The worker of the HTTP tests: one application, behind our own loop, or behind
// the unmodified RoadRunner packages of the vendor folder in PHP_VENDOR_DIR.

require __DIR__ . '/app.php';

if (getenv('PHP_VENDOR_DIR')) {
    require __DIR__ . '/packages.php';
} else {
    require __DIR__ . '/loop.php';
}
