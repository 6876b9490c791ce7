<?php

declare(strict_types=1);

// A front controller for PHP-FPM, with one path for each thing that a request may do. Nothing in it knows who runs it.

$path = (string) strtok($_SERVER['REQUEST_URI'], '?');
$say = static fn(mixed $value) => print(json_encode($value, JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR) . "\n");

if (str_starts_with($path, '/server')) {
    $path = '/server';
}
switch ($path) {
    case '/variables':
        $say([$_GET, $_POST, $_COOKIE, $_REQUEST, file_get_contents('php://input'), file_get_contents('php://input')]);
        break;
    case '/server':
        $server = [];
        foreach (
            [
                'REQUEST_METHOD', 'REQUEST_URI', 'QUERY_STRING', 'SCRIPT_NAME', 'SCRIPT_FILENAME', 'PHP_SELF', 'DOCUMENT_ROOT', 'DOCUMENT_URI', 'GATEWAY_INTERFACE',
                'SERVER_PROTOCOL', 'SERVER_NAME', 'REQUEST_SCHEME', 'HTTPS', 'REMOTE_ADDR', 'CONTENT_TYPE',
                'PHP_AUTH_USER', 'PHP_AUTH_PW', 'PHP_AUTH_DIGEST', 'argv', 'argc', 'HTTP_PROXY', 'FRANKENPHP_WORKER',
            ] as $name
        ) {
            $server[$name] = $_SERVER[$name] ?? null;
        }
        $headers = array_filter($_SERVER, static fn($name): bool => str_starts_with((string) $name, 'HTTP_'), ARRAY_FILTER_USE_KEY);
        unset($headers['HTTP_CONTENT_LENGTH'], $headers['HTTP_CONTENT_TYPE'], $headers['HTTP_X_FORWARDED_FOR'], $headers['HTTP_X_FORWARDED_HOST'], $headers['HTTP_X_FORWARDED_PROTO'], $headers['HTTP_VIA']);
        ksort($headers);
        $all = getallheaders();
        $say([$server, $headers, gettype($_SERVER['REQUEST_TIME']), gettype($_SERVER['REQUEST_TIME_FLOAT']), abs($_SERVER['REQUEST_TIME'] - time()) < 5,
            $all['X-Some-Thing'] ?? null, ($all['Content-Type'] ?? '') ?: null, ($_SERVER['CONTENT_LENGTH'] ?? '') ?: '0', $all === apache_request_headers()]);
        break;
    case '/filter':
        $say([filter_input(INPUT_GET, 'n', FILTER_VALIDATE_INT), filter_input(INPUT_GET, 'missing'), filter_has_var(INPUT_COOKIE, 'c'), filter_input_array(INPUT_POST), filter_input(INPUT_SERVER, 'REQUEST_METHOD')]);
        break;
    case '/parsed':
        // Of PHP 8.4 and newer.
        try {
            $parsed = function_exists('request_parse_body') ? request_parse_body() : ['not there'];
            array_walk_recursive($parsed, static function (mixed &$value): void {
                $value = is_string($value) && is_file($value) ? md5_file($value) : $value;
            });
            $say($parsed);
        } catch (Throwable $failure) {
            $say([$failure::class, $failure->getMessage()]);
        }
        break;
    case '/files':
        $files = $_FILES;
        array_walk_recursive($files, static function (mixed &$value, string|int $key): void {
            $value = is_string($value) && is_file($value) ? md5_file($value) : $value;
        });
        $taken = $_FILES['f']['tmp_name'] ?? '';
        $to = tempnam(sys_get_temp_dir(), 'moved');
        $say([$files, $_POST, is_uploaded_file(__FILE__), is_string($taken) && is_uploaded_file($taken), is_string($taken) && move_uploaded_file($taken, $to), filesize($to), fileperms($to) & 0777, move_uploaded_file(__FILE__, $to)]);
        unlink($to);
        break;
    case '/headers':
        header('X-One: 1');
        header('x-one: 2');
        header('X-Two: a');
        header('X-Two:b', false);
        header("X-Spaces:   c d   ");
            header('X-Gone: 1');
        header_remove('x-gone');
        header('Content-Type: text/plain');
        $say([headers_sent(), http_response_code(), http_response_code(418), http_response_code(), array_values(preg_grep('/^X-(?!Powered)|^x-/', headers_list()))]);
        break;
    case '/status':
        header($_GET['line']);
        $say(http_response_code());
        break;
    case '/status-of-cgi':
        header('Status: 410 Gone');
        break;
    case '/location':
        header('Location: /elsewhere?x=1', true, (int) ($_GET['code'] ?? 0));
        break;
    case '/cookies':
        setcookie('plain', 'a b;c');
        setcookie('gone', '');
        setcookie('all', 'v', ['expires' => 2000000000, 'path' => '/p', 'domain' => 'example.com', 'secure' => true, 'httponly' => true, 'samesite' => 'Strict']);
        setrawcookie('raw', 'a%20b', 0, '/');
        try {
            setcookie("a\n", '');
        } catch (ValueError $error) {
            $say('refused');
        }
        break;
    case '/callback':
        header_register_callback(static function (): void {
            header('X-Called: yes');
            http_response_code(202);
        });
        echo 'body';
        break;
    case '/type':
        header_remove();
        header('X-A: 1');
        echo '<p>';
        break;
    case '/json':
        header('Content-Type: application/json');
        echo '{}';
        break;
    case '/nothing':
        http_response_code(204);
        break;
    case '/buffers':
        ob_start(static fn(string $text): string => strtoupper($text));
        echo 'one ';
        ob_start();
        echo 'two ';
        ob_end_flush();
        echo 'three ';
        ob_start();
        echo 'dropped';
        ob_end_clean();
        ob_start();
        echo 'four';
        break;
    case '/buffers-closed':
        echo 'dropped';
        while (ob_get_level() > 0) {
            ob_end_clean();
        }
        echo 'kept';
        break;
    case '/print':
        printf('%s-%d', 'a', 1);
        print 'b';
        var_dump(1);
        echo json_encode([1]);
        break;
    case '/shutdown':
        register_shutdown_function(static function (string ...$words): void {
            echo ' first:', implode(',', $words);
            register_shutdown_function(static fn() => print(' nested'));
        }, 'a', 'b');
        register_shutdown_function('printf', ' %s', 'second');
        register_shutdown_function(static fn() => header('X-Late: yes'));
        echo 'body';
        if (isset($_GET['exit'])) {
            exit(' exit');
        }
        break;
    case '/shutdown-exits':
        register_shutdown_function(static function (): void {
            echo ' first';
            exit;
        });
        register_shutdown_function(static fn() => print(' never'));
        echo 'body';
        break;
    case '/shutdown-private':
        (new class () {
            public function register(): void
            {
                register_shutdown_function([$this, 'hidden']);
                register_shutdown_function([self::class, 'alsoHidden']);
            }

            private function hidden(): void
            {
                echo ' hidden';
            }

            private static function alsoHidden(): void
            {
                echo ' also';
            }
        })->register();
        echo 'body';
        break;
    case '/exit':
        http_response_code(403);
        ob_start();
        echo 'no ';
        exit('entry');
    case '/exit-number':
        echo 'said';
        exit(3);
    case '/die-in-function':
        header('X-A: 1');
        (static function (): void {
            die('dead');
        })();
        break;
    case '/exception-handled':
        set_exception_handler(static function (Throwable $failure): void {
            http_response_code(503);
            echo 'handled ', $failure->getMessage();
        });
        echo 'body ';
        throw new DomainException('why');
    case '/error-handler':
        set_error_handler(static function (int $level, string $text): bool {
            echo "[{$level} {$text}]";

            return true;
        });
        trigger_error('mine', E_USER_WARNING);
        echo $undefined['x'] ?? 'none', hex2bin('a') === false ? ' false' : '';
        break;
    case '/fatal':
        register_shutdown_function(static function (): void {
            $error = error_get_last();
            echo 'the page of an error: ', $error['type'], ' ', $error['message'];
        });
        trigger_error('fatal', E_USER_ERROR);
        break;
    case '/memory':
        register_shutdown_function(static function (): void {
            echo 'full: ', strtok(error_get_last()['message'], '(');
        });
        ini_set('memory_limit', '24M');
        $x = str_repeat('x', 1 << 26);
        break;
    case '/flush':
        header('X-A: 1');
        echo 'one ';
        ob_get_level() > 0 && ob_flush();
        flush();
        $say([headers_sent(), @header('X-Late: 1'), @setcookie('late', '1'), http_response_code()]);
        break;
    case '/finish':
        echo 'seen';
        $first = fastcgi_finish_request();
        echo 'not seen';
        file_put_contents($_GET['to'], json_encode([$first, headers_sent(), connection_status()]));
        break;
    case '/connection':
        $say([connection_aborted(), connection_status(), ignore_user_abort(true), ignore_user_abort()]);
        break;
    case '/limits':
        $say([set_time_limit(20), ini_get('max_execution_time'), ini_set('precision', '5'), 1 / 3, ini_get('precision')]);
        break;
    case '/session':
        session_start();
        $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
        $say([$_SESSION, session_id() !== '', session_name(), session_status(), strlen((string) session_create_id()) > 20]);
        break;
    case '/session-renew':
        session_start();
        $before = session_id();
        session_regenerate_id(true);
        $say([$_SESSION['n'] ?? null, $before !== session_id()]);
        break;
    case '/session-end':
        session_start();
        session_destroy();
        $say([session_id(), session_status()]);
        break;
    case '/session-named':
        session_name('OTHER');
        session_set_cookie_params(['lifetime' => 600, 'path' => '/x', 'httponly' => true, 'samesite' => 'Lax']);
        session_cache_limiter($_GET['limiter'] ?? 'private');
        session_start(['cookie_secure' => true]);
        $say($_SESSION);
        break;
    case '/session-own':
        session_set_save_handler(new class () extends SessionHandler {}, true);
        session_start();
        $_SESSION['own'] = ($_SESSION['own'] ?? 0) + 1;
        $say($_SESSION);
        break;
    case '/large':
        echo str_repeat('0123456789abcdef', 1 << 16);
        break;
    case '/huge': // larger than PHP may hold
        ini_set('memory_limit', '24M');
        for ($n = 0; $n < 64; $n++) {
            echo str_repeat('0123456789abcdef', 1 << 16);
        }
        $say([memory_get_peak_usage() < 20 << 20, headers_sent()]);
        break;
    case '/process':
        $say([getmypid(), $_GET, $_POST, $_COOKIE, $_SESSION ?? null, file_get_contents('php://input')]);
        break;
    case '/throws':
        require __DIR__ . '/throws.php';
        break;
    default:
        http_response_code(404);
        echo 'no such page';
}
