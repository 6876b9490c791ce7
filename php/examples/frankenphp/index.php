<?php

declare(strict_types=1);

// A worker script for FrankenPHP: it runs there, and here, as it is, and without a package. Start it with: caddy run

$handled = 0; // boot: what stands here happens once per process

$handler = static function () use (&$handled): void {
    $handled++;
    header('X-Powered-By: a loop');

    switch (strtok($_SERVER['REQUEST_URI'], '?')) {
        case '/':
            echo "Request {$handled} of process ", getmypid();
            break;
        case '/visits':
            session_start();
            $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
            echo $_SESSION['visits'];
            break;
        case '/form':
            header('Content-Type: application/json');
            echo json_encode(['get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE, 'input' => file_get_contents('php://input')]);
            break;
        case '/upload':
            $target = tempnam(sys_get_temp_dir(), 'upload');
            if (move_uploaded_file($_FILES['file']['tmp_name'] ?? '', $target)) {
                echo $_FILES['file']['name'], ': ', md5_file($target), "\n";
            } else {
                http_response_code(422);
                echo 'Send a file in the field "file".';
            }
            unlink($target);
            break;
        case '/hints':
            header('Link: </style.css>; rel=preload; as=style');
            headers_send(103);
            echo 'hinted';
            break;
        case '/stream':
            header('Content-Type: text/event-stream');
            for ($n = 1; $n <= 3 && !connection_aborted(); $n++) {
                echo "data: {$n}\n\n";
                flush();
            }
            break;
        case '/later':
            echo 'answered';
            fastcgi_finish_request();
            frankenphp_log('work behind the answer', FRANKENPHP_LOG_LEVEL_INFO, ['of' => getmypid()]);
            break;
        case '/download':
            header('Content-Type: application/octet-stream');
            readfile(__FILE__);
            break;
        case '/fail':
            throw new DomainException('the reason, which the client is not told');
        default:
            http_response_code(404);
            echo 'There is no such page.';
    }
};

$max = (int) ($_SERVER['MAX_REQUESTS'] ?? 0);
for ($n = 0; $max === 0 || $n < $max; $n++) {
    $more = frankenphp_handle_request($handler);
    gc_collect_cycles();
    if (!$more) {
        break;
    }
}
