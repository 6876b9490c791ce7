<?php

declare(strict_types=1);

// In the place of RoadRunner's packages, where those are not installed: their names, and as little of
// what they do as the test needs. What RoadRunner's own do is tried with PHP_VENDOR.

spl_autoload_register(static function (string $class): void {
    foreach (['Spiral\\RoadRunner\\Http\\' => 'roadrunner-http', 'Spiral\\RoadRunner\\' => 'roadrunner-worker'] as $prefix => $package) {
        if (str_starts_with($class, $prefix)) {
            $file = __DIR__ . "/spiral/{$package}/src/" . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
            if (is_file($file)) {
                require $file;
            }

            return;
        }
    }
});
