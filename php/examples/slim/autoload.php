<?php

// With Composer: composer require phpworker/worker slim/slim:^3
// With Debian: apt install php-slim php-nyholm-psr7

declare(strict_types=1);

if (is_file(__DIR__ . '/vendor/autoload.php')) {
    require __DIR__ . '/vendor/autoload.php';
} else {
    require __DIR__ . '/../../autoload.php';
    require 'Slim/autoload.php';
    require 'Nyholm/Psr7/autoload.php';
}
