<?php
// Run by php-cgi: shows the request as PHP has parsed it, uploads in the form
// the worker gets, with a digest of the content in place of the temporary name.
require __DIR__ . '/dump.php';
function leaves(array $file): array
{
    if (!is_array($file['name'])) {
        return [
            'name' => $file['name'], 'mime' => $file['type'], 'size' => $file['size'], 'error' => $file['error'],
            'tmpName' => $file['error'] ? '' : md5_file($file['tmp_name']),
        ];
    }
    $out = [];
    foreach ($file['name'] as $key => $_) {
        $out[$key] = leaves(array_combine(array_keys($file), array_column($file, $key)));
    }
    return $out;
}
header_remove();
echo dump($_POST), "\n", dump(array_map(leaves(...), $_FILES)), "\n", dump($_COOKIE), "\n";
