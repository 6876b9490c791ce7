<?php

declare(strict_types=1);

/**
 * The traffic's application as a page: one request, from superglobals.
 */

require_once __DIR__ . '/app.php';
defined('PAGE') || define('PAGE', true);

$done = (new Asked($_SERVER['REQUEST_METHOD'], $_GET, file_get_contents('php://input')))->carryOut();
if ($done->error !== null) {
    throw new RuntimeException($done->error);
}
foreach ($done->headers as $name => $values) {
    header("{$name}: " . implode(', ', $values));
}
if (is_string($done->body)) {
    echo $done->body;
} else {
    foreach ($done->body as $chunk) {
        echo $chunk;
        flush();
    }
}
if ($done->after !== null) {
    function_exists('fastcgi_finish_request') && fastcgi_finish_request(); // not with php-cgi
    ($done->after)();
}
