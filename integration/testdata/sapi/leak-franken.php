<?php

declare(strict_types=1);

$handler = require __DIR__ . '/leak.php';
while (frankenphp_handle_request($handler)) {
    gc_collect_cycles();
}
