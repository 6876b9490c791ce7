<?php

declare(strict_types=1);

while (frankenphp_handle_request(static function (): void {
    require __DIR__ . '/crowd.php';
})) {
    gc_collect_cycles();
}
