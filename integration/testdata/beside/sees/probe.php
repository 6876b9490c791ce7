<?php

// Tells what PHP sees of a request, as JSON; what is no UTF-8 is told in base64.

function plain($value)
{
    if (is_array($value)) {
        $all = [];
        foreach ($value as $key => $one) {
            $all[plain((string) $key)] = plain($one);
        }

        return (object) $all;
    }
    if (is_string($value) && preg_match('//u', $value) !== 1) {
        return 'base64:' . base64_encode($value);
    }

    return is_float($value) ? 'float' : $value;
}

function contents($file)
{
    return is_array($file) ? array_map('contents', $file) : ($file === '' ? 'none' : [is_uploaded_file($file), filesize($file), sha1_file($file)]);
}

$files = $_FILES;
foreach ($files as &$field) {
    $field['tmp_name'] = contents($field['tmp_name']);
}
unset($field);
$input = file_get_contents('php://input');

header('Content-Type: application/json');
header('X-Seen: ' . $_SERVER['REQUEST_METHOD'] . ' ' . sha1($input));
echo json_encode([
    'server' => plain($_SERVER),
    'get' => plain($_GET),
    'post' => plain($_POST),
    'files' => plain($files),
    'cookie' => plain($_COOKIE),
    'request' => plain($_REQUEST),
    'env' => plain($_ENV),
    'getenv' => plain(getenv()),
    'getallheaders' => plain(getallheaders()),
    'input' => [strlen($input) . ' bytes' => sha1($input)],
    'process' => plain([
        'sapi' => PHP_SAPI, 'cwd' => getcwd(), 'script' => __FILE__, 'included' => implode(' ', get_included_files()), 'umask' => umask(),
        'argv' => ini_get('register_argc_argv') . json_encode($argv ?? null), 'buffers' => ob_get_level(), 'memory' => ini_get('memory_limit'),
        'time' => ini_get('max_execution_time'), 'errors' => ini_get('display_errors'), 'variables' => ini_get('variables_order'),
        'opcache' => opcache_get_status(false)['opcache_enabled'] ?? false, 'status' => connection_status(), 'sent' => headers_sent(),
        'user' => get_current_user(), 'filter' => filter_input(INPUT_SERVER, 'REQUEST_METHOD') . filter_input(INPUT_GET, 'a') . filter_input(INPUT_POST, 'a'),
    ]),
], JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
