<?php
header('Content-Type: application/octet-stream');
header('Content-Disposition: attachment; filename="download.php"');
header('Content-Length: ' . filesize(__FILE__));
readfile(__FILE__);
