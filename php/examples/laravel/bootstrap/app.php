<?php

declare(strict_types=1);

use Illuminate\Contracts\Console\Kernel as ConsoleKernel;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernel;
use Illuminate\Foundation\Application;

$storage = getenv('APP_STORAGE') ?: dirname(__DIR__) . '/storage';
foreach (['framework/sessions', 'framework/views', 'framework/cache/data', 'logs', 'bootstrap'] as $folder) {
    is_dir("{$storage}/{$folder}") || mkdir("{$storage}/{$folder}", 0777, true);
}
foreach (['SERVICES', 'PACKAGES'] as $kind) {
    $_ENV["APP_{$kind}_CACHE"] = $_SERVER["APP_{$kind}_CACHE"] = "{$storage}/bootstrap/" . strtolower($kind) . '.php';
}

$app = new Application(dirname(__DIR__));
$app->useStoragePath($storage);
$app->singleton(HttpKernel::class, Illuminate\Foundation\Http\Kernel::class);
$app->singleton(ConsoleKernel::class, Illuminate\Foundation\Console\Kernel::class);
$app->singleton(ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);

return $app;
