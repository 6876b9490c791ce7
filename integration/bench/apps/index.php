<?php

declare(strict_types=1);

// PHP-FPM: everything anew for each request.

require __DIR__ . '/app.php';

header('Content-Type: text/plain');
echo Bench\answer($_SERVER['REQUEST_URI'], fn() => file_get_contents('php://input'));
