<?php

declare(strict_types=1);

// PHP-FPM with PSR-7 objects: everything anew for each request.

require __DIR__ . '/app.php';
require __DIR__ . '/superglobals.php';

Bench\serve(new Nyholm\Psr7\Factory\Psr17Factory());
