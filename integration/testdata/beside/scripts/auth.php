<?php
if (($_SERVER['PHP_AUTH_USER'] ?? '') !== 'anna' || $_SERVER['PHP_AUTH_PW'] !== 'secret') {
    header('WWW-Authenticate: Basic realm="Own area"');
    header('HTTP/1.0 401 Unauthorized');
    exit('Who are you?');
}
echo 'Hello, anna';
