<?php

declare(strict_types=1);

// The traffic's application as a worker script of FrankenPHP.

$page = static function (): void {
    require __DIR__ . '/page.php';
};

while (frankenphp_handle_request($page));
