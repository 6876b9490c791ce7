<?php
register_shutdown_function(static function () { echo ' shutdown'; });
switch ($_GET['how']) {
    case 'text': exit('with a text');
    case 'number': echo 'with a number'; exit(3);
    case 'function': (static function () { echo 'in a function'; exit; })();
    case 'twice': register_shutdown_function(static function () { echo ' again'; exit(1); }); exit('twice');
    case 'buffer': ob_start(); echo 'in a buffer'; exit;
}
