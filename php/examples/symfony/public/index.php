<?php

declare(strict_types=1);

// The index.php of every Symfony application with symfony/runtime: nothing in it knows of a worker.
// Start it with: caddy run

use App\Kernel;

require_once dirname(__DIR__) . '/autoload_runtime.php';

return static fn(array $context): Kernel => new Kernel($context['APP_ENV'], (bool) $context['APP_DEBUG']);
