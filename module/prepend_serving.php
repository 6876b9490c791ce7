<?php

// Written by php_worker for the workers of one pool, beside prepend.php: functions of PHP's SAPIs, and of FrankenPHP,
// that answer a request. They are there from the moment on at which a worker serves superglobals: frameworks
// that answer with objects would take them for a sign that they need not.

declare(strict_types=1);

use PhpWorkerServer\Functions;

if (!function_exists('fastcgi_finish_request')) {
    function fastcgi_finish_request(): bool
    {
        return Functions::call('fastcgi_finish_request', [], false);
    }
}
if (!function_exists('frankenphp_finish_request')) {
    function frankenphp_finish_request(): bool
    {
        return Functions::call('fastcgi_finish_request', [], false);
    }
}
if (!function_exists('headers_send')) {
    function headers_send(int $status = 200): int
    {
        return Functions::call('headers_send', [$status], -1);
    }
}
if (!function_exists('frankenphp_response_headers')) {
    /** @return array<string, string> */
    function frankenphp_response_headers(): array
    {
        return Functions::call('frankenphp_response_headers', [], false) ?: [];
    }
}
if (!function_exists('apache_response_headers')) {
    /** @return array<string, string> */
    function apache_response_headers(): array
    {
        return Functions::call('frankenphp_response_headers', [], false) ?: [];
    }
}
