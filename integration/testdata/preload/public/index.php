<?php

// Says which version answers, and what was there before it loaded any file.

$there = array_filter(['App\Text', 'App\Base', 'App\Named', 'App\Choice', 'Bare', 'App\Blend'], fn($class) => class_exists($class, false));
array_push($there, ...array_filter(['bare', 'app\blend'], function_exists(...)));

spl_autoload_register(function (string $class): void {
    require __DIR__ . '/../src/' . basename(strtr($class, '\\', '/')) . '.php';
});
require __DIR__ . '/../src/functions.php';
require __DIR__ . '/../src/Named.php'; // also where its class is there already
// Two files with a class of one name, of which a request takes one.
require __DIR__ . '/../src/Choice' . ($_GET['choice'] ?? 'A') . '.php';

echo App\Text::VERSION, ' ', (new App\Text())->count(), ' ', App\Choice::NAME, ' ', Bare::NAME, ' ', App\Blend::NAME, ': ', implode(' ', $there);
