<?php

declare(strict_types=1);

// A worker script as FrankenPHP's documentation has it, with one path for each part of the contract. It
// knows nothing of who runs it, and includes nothing.

apache_request_headers(); // may be asked at boot, too
frankenphp_log('booting', FRANKENPHP_LOG_LEVEL_WARN, ['of' => 'the worker']);

$workerServer = $_SERVER;
$handled = 0;
register_shutdown_function(static function (): void {
    echo '[the worker ends]';
});

if (getenv('OWN_SESSIONS')) {
    session_set_save_handler(new class () implements SessionHandlerInterface {
        /** @var array<string, string> */
        private array $data = [];

        public function open(string $path, string $name): bool
        {
            return true;
        }

        public function close(): bool
        {
            return true;
        }

        public function read(string $id): string
        {
            return $this->data[$id] ?? '';
        }

        public function write(string $id, string $data): bool
        {
            $this->data[$id] = $data;

            return true;
        }

        public function destroy(string $id): bool
        {
            unset($this->data[$id]);

            return true;
        }

        public function gc(int $max_lifetime): int
        {
            return 0;
        }
    }, true);
}
$dumper = new class () {
    public ?string $text = null;

    public function __destruct()
    {
        echo $this->text;
    }
};

$handler = static function () use ($workerServer, &$handled, $dumper): void {
    $handled++;
    header('X-Handled: ' . $handled);
    switch (strtok($_SERVER['REQUEST_URI'], '?')) {
        case '/pid':
            echo getmypid();
            break;
        case '/worker':
            echo json_encode([
                $workerServer['FRANKENPHP_WORKER'] ?? null, getenv('FRANKENPHP_WORKER'), $_SERVER['FRANKENPHP_WORKER'] ?? null,
                $workerServer['OF_THE_POOL'] ?? null, $_SERVER['OF_THE_POOL'] ?? null, isset($workerServer['REQUEST_URI']), ignore_user_abort(), class_exists('PhpWorker\Worker'),
            ]);
            break;
        case '/exception':
            echo 'never seen';
            throw new DomainException('the reason');
        case '/exit':
            echo 'last words ';
            exit(1);
        case '/dump': // as Symfony's dd() does with its data collector
            http_response_code(500);
            $dumper->text = 'dumped';
            exit(1);
        case '/session':
            session_start();
            $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
            echo $_SESSION['n'];
            break;
        case '/nested':
            frankenphp_handle_request(static fn() => null);
            break;
        case '/hints':
            header('Link: </style.css>; rel=preload; as=style');
            headers_send(103);
            header_remove('Link');
            echo 'Hello';
            break;
        case '/begun':
            header('X-Begun: yes');
            echo json_encode([headers_send(202), headers_sent(), headers_send()]);
            break;
        case '/finished':
            echo 'seen';
            $first = frankenphp_finish_request();
            echo 'not seen';
            frankenphp_log('finished: ' . json_encode([$first, fastcgi_finish_request()]));
            break;
        case '/headers':
            echo json_encode([getallheaders()['X-Some-Thing'] ?? null, frankenphp_request_headers() === apache_request_headers(), frankenphp_response_headers()]);
            break;
        case '/log':
            frankenphp_log('to debug', FRANKENPHP_LOG_LEVEL_DEBUG, ['n' => 1]);
            frankenphp_log('to inform');
            frankenphp_log("to warn\nin two lines", FRANKENPHP_LOG_LEVEL_WARN, ['list' => ['a', "\xff"]]);
            frankenphp_log('of an error', 12);
            break;
        case '/later':
            echo 'answered';
            break;
        case '/endless':
            header('Content-Type: text/event-stream');
            for ($n = 0; !connection_aborted(); $n++) {
                echo "data: {$n}\n\n";
                flush();
                usleep(2000);
            }
            frankenphp_log('nobody listens any more');
            break;
        default:
            echo json_encode([$_GET, $_POST, $_COOKIE, $_REQUEST, array_column($_FILES, 'name'), $_SERVER['REQUEST_METHOD'], file_get_contents('php://input')]);
    }
};

$maxRequests = (int) ($_SERVER['MAX_REQUESTS'] ?? 0);
for ($nbRequests = 0; !$maxRequests || $nbRequests < $maxRequests; ++$nbRequests) {
    $keepRunning = frankenphp_handle_request($handler);
    if ($keepRunning && strtok($_SERVER['REQUEST_URI'], '?') === '/later') { // those of the request that was handled
        file_put_contents($_GET['to'], 'behind ' . $_SERVER['REQUEST_URI']);
    }
    gc_collect_cycles();
    if (!$keepRunning) {
        frankenphp_log('asked to stop');
        break;
    }
}
frankenphp_log("cleaned up after {$nbRequests}");
