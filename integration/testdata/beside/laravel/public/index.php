<?php

// The public/index.php of a Laravel application, of the example of our package.

use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;

define('LARAVEL_START', microtime(true));

require __DIR__ . '/../../../../../php/examples/laravel/autoload.php';

$app = require __DIR__ . '/../../../../../php/examples/laravel/bootstrap/app.php';
$kernel = $app->make(Kernel::class);
$response = $kernel->handle($request = Request::capture())->send();
$kernel->terminate($request, $response);
