<?php

declare(strict_types=1);

// What testdata/chaos/worker.php does, as a script that starts and ends with each request.

/** A line of the log, at once: also of a request that never ends. */
function say(string $line): void
{
    error_log($line);
    flush();
}

/** One line from a named pipe: blocks until the test has written it. */
function gate(string $path): string
{
    $file = fopen($path, 'rb');

    return rtrim((string) fgets($file));
}

function journal(): void
{
    file_put_contents(getenv('JOURNAL'), $_GET['id'] . "\n", FILE_APPEND | LOCK_EX);
}

$release = defined('RELEASE') ? RELEASE : (string) getenv('RELEASE');
header('Content-Type: text/plain');
switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/':
        isset($_GET['id']) && journal();
        echo $release;
        break;
    case '/release':
        echo $release . ' ' . require $_SERVER['DOCUMENT_ROOT'] . '/lazy.php';
        break;
    case '/pid':
        echo getmypid();
        break;
    case '/parent':
        echo posix_getppid();
        break;
    case '/write':
        journal();
        echo $_GET['id'];
        break;
    case '/segfault':
        say('is about to fall');
        posix_kill(getmypid(), 11);
        exit(99); // never reached
    case '/hang':
        say('hangs');
        while (true) {
            usleep(100_000);
        }
        // no break: never reached
    case '/work':
        usleep(1000 * (int) $_GET['ms']);
        echo 'worked';
        break;
    case '/wait':
        say('waits ' . ($_GET['id'] ?? ''));
        echo gate($_GET['gate']);
        break;
    case '/bytes':
        echo str_repeat('x', (int) $_GET['n']);
        break;
    case '/leak': // a megabyte: PHP keeps what it has compiled of regular expressions
        for ($i = 0; $i < 4; $i++) {
            preg_match('/' . str_repeat('abcdefghij', 2900) . uniqid('', true) . '/', '');
        }
        usleep(1000 * (int) $_GET['ms']);
        echo 'leaked';
        break;
    case '/upload':
        echo json_encode(array_map(static fn(array $file): array => ['error' => $file['error'], 'path' => $file['tmp_name']], $_FILES));
        break;
    case '/sum':
        echo md5(file_get_contents('php://input'));
        break;
    case '/later':
        echo getmypid();
        fastcgi_finish_request();
        say('works after the response');
        gate($_GET['gate']);
        break;
    case '/stream':
        do {
            echo "tick\n";
            flush();
        } while (gate($_GET['gate']) !== 'end');
        break;
    default:
        http_response_code(404);
}
