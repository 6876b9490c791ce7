<?php
setcookie('plain', 'a b;c');
setcookie('full', 'x', ['expires' => 2000000000, 'path' => '/p', 'domain' => 'www.example', 'secure' => true, 'httponly' => true, 'samesite' => 'Lax']);
setrawcookie('raw', 'a%20b');
setcookie('gone', '');
header('Set-Cookie: by=hand; Path=/', false);
echo json_encode($_COOKIE);
