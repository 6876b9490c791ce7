<?php
// Whatever a request leaves behind must be gone in the next one.
$left = [defined('LEFT'), $GLOBALS['left_global'] ?? null, getenv('LEFT'), ini_get('precision'), getcwd(), setlocale(LC_ALL, 0), umask(),
    function_exists('left_function'), error_reporting(), date_default_timezone_get(), mb_internal_encoding(), ob_get_level(), ignore_user_abort(), http_response_code(), headers_list()];
echo json_encode($left);
define('LEFT', 1);
$GLOBALS['left_global'] = 'left';
putenv('LEFT=1');
$_SERVER['LEFT'] = 1;
ini_set('precision', '5');
chdir('/');
setlocale(LC_ALL, 'C.UTF-8');
function left_function() {}
error_reporting(0);
date_default_timezone_set('Asia/Tokyo');
mb_internal_encoding('ISO-8859-1');
ignore_user_abort(true);
set_error_handler(static fn() => true);
stream_wrapper_unregister('http');
