<?php

declare(strict_types=1);

// Tells all that it sees of anybody, and then leaves all the traces that a request can leave.

namespace Leak;

/** @return array<string, mixed> */
function look(): array
{
    $server = array_diff_key($_SERVER, array_flip(['REQUEST_TIME', 'REQUEST_TIME_FLOAT', 'HTTP_HOST', 'SERVER_PORT']));
    $handlers = [\set_error_handler(null), \set_exception_handler(null)];
    \restore_error_handler();
    \restore_exception_handler();
    $random = \mt_rand();
    \ksort($server);
    $all = \getallheaders();
    unset($all['Host']);
    \ksort($all);
    $others = \glob(\getenv('LEAK_FILES') . '/*') ?: [];
    $kept = [
        'get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE, 'request' => $_REQUEST, 'server' => $server, 'session' => $_SESSION ?? null,
        'files' => \array_map(static fn(array $file): array => [$file['name'], $file['size'], $file['error']], $_FILES),
        'input' => \file_get_contents('php://input'), 'headers' => \headers_list(), 'status' => \http_response_code(), 'sent' => \headers_sent(),
        'id' => \session_id() === ($_COOKIE[\session_name()] ?? '') ? '' : \session_id(), 'active' => \session_status(), 'level' => \ob_get_level(), 'locale' => \setlocale(\LC_ALL, '0'), 'umask' => \umask(), 'cwd' => \getcwd(),
        'last error' => \error_get_last(), 'connection' => \connection_status(), 'all headers' => $all, 'response headers' => \apache_response_headers(),
        'uploaded' => \array_filter($others, 'is_uploaded_file'), 'seeded' => $random === seeded(), 'filter' => [\filter_input(\INPUT_GET, 'who'), \filter_input_array(\INPUT_COOKIE)],
    ];
    $restored = [
        'ini' => \json_encode(\array_diff_key(\ini_get_all(null, false), \array_flip(['session.save_path', 'auto_prepend_file']))), 'env' => \getenv(), '_env' => $_ENV, 'timezone' => \date_default_timezone_get(),
        'reporting' => \error_reporting(), 'handlers' => \array_map(is_null(...), $handlers), 'name' => \session_name(), 'params' => \session_get_cookie_params(), 'limiter' => \session_cache_limiter(),
        'multibyte' => [\mb_internal_encoding(), \mb_language(), \mb_substitute_character()], 'libxml' => \libxml_use_internal_errors(), 'include' => \get_include_path(),
        'wrappers' => \count(\array_unique(\stream_get_wrappers())) . \implode(' ', \preg_grep('/^of/', \stream_get_wrappers())), 'abort' => \ignore_user_abort(), 'zlib' => \ini_get('precision'),
    ];
    foreach (['env', '_env'] as $name) { // what the process is told of its relay is its own
        $restored[$name] = \array_filter($restored[$name], static fn(mixed $value, string|int $key): bool => \str_starts_with((string) $key, 'LEAK'), \ARRAY_FILTER_USE_BOTH);
    }
    foreach ($kept['server'] as $name => $value) {
        if (\getenv((string) $name) === $value) {
            unset($kept['server'][$name]);
        }
    }

    \sort($kept['uploaded']);

    return \getenv('LEAK_SETTINGS') ? $kept + $restored : $kept;
}

function seeded(): int
{
    static $first = null;
    if ($first === null) {
        \mt_srand(1234);
        $first = \mt_rand();
        \mt_srand();
    }

    return $first;
}

function leave(string $who): void
{
    if (\is_string($_FILES['f']['tmp_name'] ?? null)) {
        \copy($_FILES['f']['tmp_name'], \getenv('LEAK_FILES') . "/{$who}");
    }
    foreach (['HTTP_X_LEFT', 'PHP_AUTH_USER', 'HTTPS', 'LEFT'] as $name) {
        $_SERVER[$name] = $who;
    }
    $_GET[$who] = $_POST[$who] = $_COOKIE[$who] = $_REQUEST[$who] = $_FILES[$who] = $_ENV["LEAK_{$who}"] = $who;
    \putenv("LEAK_OF={$who}");
    \putenv("LEAK_SETTINGS_OF={$who}");
    \header("X-Of: {$who}");
    \setcookie("of_{$who}", $who);
    \http_response_code(280);
    \header_register_callback(static fn() => \header("X-Callback: {$who}", false));
    \setlocale(\LC_ALL, 'C.UTF-8', 'C');
    \umask(0777);
    \chdir('/');
    \date_default_timezone_set('Asia/Tokyo');
    \error_reporting(0);
    \ini_set('precision', '3');
    \ini_set('include_path', "/{$who}");
    \set_time_limit(100);
    \ignore_user_abort(true);
    \mb_internal_encoding('ISO-8859-1');
    \mb_substitute_character(63);
    \libxml_use_internal_errors(true);
    \stream_wrapper_register("of{$who}", \stdClass::class);
    \mt_srand(1234);
    if (\getenv('LEAK_SETTINGS')) {
        \session_name('OF');
        \session_set_cookie_params(['path' => "/{$who}"]);
        \session_cache_limiter('public');
        \set_error_handler(static fn(): bool => print($who) > 0);
        \set_exception_handler(static fn() => print($who));
        \register_shutdown_function(static fn() => print("[end of {$who}]"));
    }
    if ($who !== 'nobody') {
        \session_id("session-of-{$who}-0123456789");
        $who === 'bert' && \session_set_save_handler(new class () extends \SessionHandler {}, true);
        \session_start();
        $was = $_SESSION['who'] ?? $who;
        $_SESSION['who'] = $who;
        $was === $who || print("[session of {$was}]");
    }
    @\trigger_error($who);
    \ob_start(static fn(string $text): string => $text . "[buffer of {$who}]");
    \ob_start();
    echo '.';
    if ($_GET['how'] === 'throw') {
        throw new \DomainException($who);
    }
    if ($_GET['how'] === 'flush') {
        \ob_flush();
        \flush();
        echo '.';
    }
    if ($_GET['how'] === 'finish') {
        \fastcgi_finish_request();
        echo 'never seen';
    }
}

return static function (): void {
    $who = (string) $_GET['who'];
    echo \json_encode(look(), \JSON_UNESCAPED_SLASHES | \JSON_PRETTY_PRINT), "\n";
    leave($who);
};
