<?php

declare(strict_types=1);

// As it would stand on a server with PHP-FPM: superglobals, header(), sessions, echo and exit.

header('X-Powered-By: superglobals');

switch (strtok($_SERVER['REQUEST_URI'], '?')) {
    case '/':
        session_start();
        $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
        echo "<h1>Your visit {$_SESSION['visits']}</h1><p>of process ", getmypid(), '</p>';
        break;
    case '/form':
        header('Content-Type: application/json');
        echo json_encode([
            'method' => $_SERVER['REQUEST_METHOD'], 'get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE,
            'request' => $_REQUEST, 'input' => file_get_contents('php://input'), 'filter' => filter_input(INPUT_GET, 'n', FILTER_VALIDATE_INT),
            'host' => $_SERVER['HTTP_HOST'], 'user' => $_SERVER['PHP_AUTH_USER'] ?? null, 'script' => $_SERVER['SCRIPT_NAME'],
        ]);
        break;
    case '/upload':
        $file = $_FILES['file'] ?? ['error' => UPLOAD_ERR_NO_FILE];
        $target = tempnam(sys_get_temp_dir(), 'upload');
        if ($file['error'] !== UPLOAD_ERR_OK || !is_uploaded_file($file['tmp_name']) || !move_uploaded_file($file['tmp_name'], $target)) {
            http_response_code(422);
            exit('Send a file in the field "file".');
        }
        header('Content-Type: text/plain');
        echo $file['name'], ': ', md5_file($target), "\n";
        unlink($target);
        break;
    case '/redirect':
        setcookie('went', 'a b', ['expires' => time() + 60, 'path' => '/', 'httponly' => true, 'samesite' => 'Lax']);
        header('Location: /');
        exit;
    case '/download':
        while (ob_get_level() > 0) {
            ob_end_clean();
        }
        header('Content-Type: application/octet-stream');
        readfile(__FILE__);
        exit;
    case '/stream':
        header('Content-Type: text/event-stream');
        for ($n = 1; $n <= 3; $n++) {
            echo "data: {$n}\n\n";
            ob_flush();
            flush();
        }
        break;
    case '/fail':
        echo 'never seen';
        throw new DomainException('the reason, which the client is not told');
    default:
        http_response_code(404);
        echo 'There is no such page.';
}
