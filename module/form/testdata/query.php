<?php
// Answers each line "base64(query) base64(query)" with what PHP makes of the two,
// and with how often it warns about each.
require __DIR__ . '/dump.php';
$warnings = 0;
set_error_handler(function () use (&$warnings): bool {
    $warnings++;
    return true;
});
while (($line = fgets(STDIN)) !== false) {
    $answer = [];
    foreach (explode(' ', rtrim($line, "\n")) as $query) {
        $warnings = 0;
        parse_str(base64_decode($query), $parsed);
        array_push($answer, dump($parsed), $warnings);
    }
    echo implode(' ', $answer), "\n";
}
