<?php

declare(strict_types=1);

/*
 * Loads the classes of PhpWorker without Composer: require this file once.
 * Where Composer is in use its own autoloader does the same.
 */

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'PhpWorker\\')) {
        $file = __DIR__ . '/src/' . strtr(substr($class, 10), '\\', '/') . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
