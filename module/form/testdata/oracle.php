<?php
// Answers each line "base64(body) base64(json)" with what PHP makes of them.
require __DIR__ . '/dump.php';
while (($line = fgets(STDIN)) !== false) {
    [$body, $json] = explode(' ', rtrim($line, "\n"));
    parse_str(base64_decode($body), $parsed);
    echo dump($parsed), ' ', dump(json_decode(base64_decode($json), true, 512, JSON_THROW_ON_ERROR)), "\n";
}
