<?php
header('Content-Type: application/octet-stream');
for ($i = 0; $i < 3000; $i++) {
    echo hash('sha512', (string) $i, true), str_repeat(chr($i & 255), 960);
}
