<?php

declare(strict_types=1);

// Tells everything that it can know of who asks, and leaves as much behind as a script can. It knows nothing of who
// runs it; identities.php and identities-franken.php do.

$who = (string) ($_GET['who'] ?? '');
$seen = ['get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE, 'request' => $_REQUEST, 'input' => md5(file_get_contents('php://input')),
    'auth' => [$_SERVER['PHP_AUTH_USER'] ?? null, $_SERVER['PHP_AUTH_PW'] ?? null], 'header' => $_SERVER['HTTP_X_WHO'] ?? null, 'uri' => $_SERVER['REQUEST_URI'], 'all' => getallheaders()['X-Who'] ?? null,
    'files' => array_map(static fn(array $f): array => [$f['name'], $f['size'], md5_file($f['tmp_name']), is_uploaded_file($f['tmp_name'])], $_FILES),
    'buffers' => ob_get_level() > 1 ? ob_get_level() : 0, 'headers' => array_values(preg_grep('/^X-Own/', headers_list())), 'status' => http_response_code(), 'error' => error_get_last()['message'] ?? null,
    'filter' => filter_input(INPUT_GET, 'who'), 'left' => $GLOBALS['crowdLeft'] ?? null];
session_id() === '' || $seen['session before'] = session_id();
isset($_SESSION) && $seen['session there'] = $_SESSION;
session_start();
$_SESSION['who'] ??= $who;
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
$seen['session'] = $_SESSION['who'];
header('X-Own: ' . $who);
setcookie('own', $who);
http_response_code(210);
ob_start(static fn(string $text): string => str_replace('<who>', $who, $text));
echo '<who> ';
@trigger_error('of ' . $who);
register_shutdown_function(static function () use ($who): void {
    headers_sent() || header('X-Late: ' . $who, false);
    echo ' end of ' . $who;
});
ini_set('user_agent', $who);
echo json_encode($seen), "\n";
switch ($_GET['how'] ?? '') {
    case 'exit':
        exit;
    case 'flush':
        ob_end_flush();
        flush();
        break;
    case 'throw':
        throw new RuntimeException('of ' . $who);
    case 'session':
        session_write_close();
        break;
}
