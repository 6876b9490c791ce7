<?php

// With Composer this is vendor/autoload_runtime.php, which symfony/runtime writes:
//     composer require phpworker/worker symfony/framework-bundle symfony/runtime
// With Debian: apt install php-symfony-framework-bundle php-symfony-runtime

declare(strict_types=1);

if (is_file(__DIR__ . '/vendor/autoload_runtime.php')) {
    require_once __DIR__ . '/vendor/autoload_runtime.php';

    return;
}
if (true === (require_once __DIR__ . '/autoload.php') || empty($_SERVER['SCRIPT_FILENAME'])) {
    return;
}

$app = require $_SERVER['SCRIPT_FILENAME'];
$class = $_SERVER['APP_RUNTIME'] ?? $_ENV['APP_RUNTIME'] ?? Symfony\Component\Runtime\SymfonyRuntime::class;
$runtime = new $class(['project_dir' => __DIR__, 'disable_dotenv' => true]);
[$app, $args] = $runtime->getResolver($app)->resolve();

exit($runtime->getRunner($app(...$args))->run());
