<?php

declare(strict_types=1);

use PhpWorker\Tests\Chunks;

require __DIR__ . '/../autoload.php';

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'PhpWorker\\Tests\\')) {
        require __DIR__ . '/' . strtr(substr($class, 16), '\\', '/') . '.php';
    }
});
stream_wrapper_register('chunks', Chunks::class);
