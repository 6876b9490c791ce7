<?php
// Says what a script sees of a request, and what it cannot see differently behind another server.
header('X-Script: ' . $_SERVER['SCRIPT_NAME']);
$see = static fn (string $name) => $_SERVER[$name] ?? '';
echo json_encode([
    'file' => $see('SCRIPT_FILENAME'), 'root' => $see('DOCUMENT_ROOT'), 'name' => $see('SCRIPT_NAME'), 'info' => $see('PATH_INFO'), 'self' => $see('PHP_SELF'),
    'uri' => $see('REQUEST_URI'), 'query' => $see('QUERY_STRING'), 'method' => $see('REQUEST_METHOD'), 'host' => $see('HTTP_HOST'), 'server' => $see('SERVER_NAME'),
    'site' => $see('SITE'), 'pool' => getenv('FROM_POOL'), 'memory' => ini_get('memory_limit'), 'short' => (bool) ini_get('short_open_tag'),
    'get' => $_GET, 'post' => $_POST, 'files' => array_map(static fn (array $f) => [$f['name'], $f['size'], $f['error']], $_FILES), 'cookie' => $_COOKIE, 'sapi' => PHP_SAPI,
], JSON_UNESCAPED_SLASHES | JSON_PRETTY_PRINT), "\n";
