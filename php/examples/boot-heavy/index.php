<?php

declare(strict_types=1);

// The same application under PHP-FPM: it boots for every request.

require __DIR__ . '/app.php';

$app = App::boot($_SERVER + getenv());
$text = $app->answer();

header('Content-Type: text/plain; charset=utf-8');
header('X-Worker-Pid: ' . getmypid());
header('X-Boot-Ms: ' . sprintf('%.1f', $app->bootMilliseconds));
echo $text;
