<?php

declare(strict_types=1);

// The traffic's application as a script that starts and ends with each request.

require __DIR__ . '/../page.php';
