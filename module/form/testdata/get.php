<?php
// Run by php-cgi: shows the query as PHP has parsed it.
require __DIR__ . '/dump.php';
header_remove();
echo dump($_GET);
