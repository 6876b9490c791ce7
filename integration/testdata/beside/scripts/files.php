<?php
$told = [];
foreach ($_FILES as $field => $file) {
    $told[$field] = [$file['name'], $file['full_path'], $file['type'], $file['size'], $file['error'], is_uploaded_file($file['tmp_name']), @sha1_file($file['tmp_name'])];
    if ($file['error'] === 0) {
        $kept = $_SERVER['DOCUMENT_ROOT'] . '/kept-' . $field;
        $told[$field][] = move_uploaded_file($file['tmp_name'], $kept) && !file_exists($file['tmp_name']) && unlink($kept);
    }
}
echo json_encode([$_POST, $told]);
