<?php

declare(strict_types=1);

// PHP-FPM: everything anew for each request.

require __DIR__ . '/app.php';

$app = getenv('BENCH_APP') ?: $_SERVER['BENCH_APP'];
Bench\boot($app);
header('Content-Type: text/plain');
echo Bench\answer($app, $_SERVER['REQUEST_URI'], fn() => file_get_contents('php://input'));
