<?php
// Tells what PHP sees of the request.
header('Content-Type: application/json');
$input = file_get_contents('php://input');
$files = [];
foreach ($_FILES as $name => $file) {
    if (is_string($file['tmp_name']) && is_uploaded_file($file['tmp_name'])) {
        $file['sha1'] = sha1_file($file['tmp_name']);
    }
    $files[$name] = $file;
}
echo json_encode([
    'script' => basename(__FILE__), 'server' => $_SERVER, 'get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE, 'files' => $files,
    'length' => strlen($input), 'sha1' => sha1($input), 'sapi' => PHP_SAPI, 'pid' => getmypid(), 'all' => getallheaders(),
    'env' => (string) getenv('FROM_POOL'), 'cwd' => getcwd(), 'ini' => ini_get('user_agent'), 'precision' => ini_get('precision'),
], JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR);
