<?php
register_shutdown_function(static function () { echo ' shutdown of ' . http_response_code(); });
if (isset($_GET['before'])) {
    echo 'before ';
}
switch ($_GET['what']) {
    case 'exception': throw new RuntimeException('secret of the exception');
    case 'undefined': undefined_function();
    case 'parse': include __DIR__ . '/broken.inc';
    case 'warning': echo $undefined, 'after'; break;
    case 'user': trigger_error('secret of the user', E_USER_ERROR);
    case 'memory': str_repeat('x', 1 << 30); break;
    case 'require': require __DIR__ . '/missing.inc';
    case 'time': set_time_limit(1); while (true) { hash('sha256', 'x'); }
    case 'handled': set_exception_handler(static function ($e) { http_response_code(503); echo 'handled'; }); throw new Exception();
}
