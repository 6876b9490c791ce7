<?php

declare(strict_types=1);

// PHP-FPM: everything anew for each request.

require __DIR__ . '/app.php';

if (in_array(Bench\APP, ['symfony', 'laravel'], true)) {
    require __DIR__ . '/frameworks.php';
    Bench\front();
    exit;
}

header('Content-Type: text/plain');
echo Bench\answer($_SERVER['REQUEST_URI'], fn() => file_get_contents('php://input'));
