<?php

declare(strict_types=1);

// The visits behind our package, with superglobals.

use PhpWorker\Superglobals\FrontController;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';
$worker = Worker::create();
require __DIR__ . '/visits.php';
$worker->run(new FrontController(static function (): void {
    $path = explode('?', $_SERVER['REQUEST_URI'])[0];
    switch ($path) {
        case '/server':
            echo json_encode([$_SERVER['HTTP_X_FORGED'] ?? null, $_SERVER['HTTPS'] ?? null, $_SERVER['REMOTE_USER'] ?? null, $_SERVER['KEPT'] ?? null]);
            break;
        case '/include':
            echo json_encode(@include 'php://input');
            break;
        case '/open-buffers':
            echo 'one ';
            ob_start();
            ob_start(static fn(string $text): string => strtoupper($text));
            echo 'two';
            break;
        case '/closed-too-many':
            echo 'dropped';
            ob_end_clean();
            @ob_end_clean();
            echo 'one ';
            echo 'two';
            break;
        case '/all-closed':
            echo 'dropped';
            for ($n = 0; ob_get_level() > 0 && $n < 10; $n++) {
                ob_end_clean();
            }
            echo "one two {$n}";
            break;
        case '/cleaned':
            echo 'dropped';
            ob_clean();
            echo 'one two';
            break;
        case '/streamed-exit':
            echo 'one ';
            ob_flush();
            echo 'two';
            exit;
        case '/streamed-throw':
            echo 'one ';
            ob_flush();
            throw new DomainException('within the stream');
        default:
            echo visit($path, $_GET);
    }
}));
