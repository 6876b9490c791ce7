<?php

// With Composer: composer require phpworker/worker nyholm/psr7 psr/http-server-handler
// With Debian: apt install php-nyholm-psr7, which has no package for the interface of PSR-15.

declare(strict_types=1);

if (is_file(__DIR__ . '/vendor/autoload.php')) {
    require __DIR__ . '/vendor/autoload.php';
} else {
    require __DIR__ . '/../../autoload.php';
    require 'Nyholm/Psr7/autoload.php';
    if (!interface_exists(Psr\Http\Server\RequestHandlerInterface::class)) {
        require __DIR__ . '/RequestHandlerInterface.php';
    }
}
