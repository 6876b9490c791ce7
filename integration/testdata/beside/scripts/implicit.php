<?php
ob_implicit_flush();
while (ob_get_level()) {
    ob_end_clean();
}
echo 'a';
header('X-Too-Late: 1');
echo 'b', headers_sent() ? ' sent' : ' not sent';
