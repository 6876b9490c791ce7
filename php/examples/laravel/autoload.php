<?php

// With Composer: composer require phpworker/worker laravel/framework
// With Debian: apt install php-laravel-framework

declare(strict_types=1);

if (is_file(__DIR__ . '/vendor/autoload.php')) {
    require __DIR__ . '/vendor/autoload.php';
} else {
    require __DIR__ . '/../../autoload.php';
    require 'Illuminate/autoload.php';
}
require __DIR__ . '/app/Pages.php';
require __DIR__ . '/app/Users.php';
