<?php

declare(strict_types=1);

// Requests that throw where nobody expects it: in output buffers, in callbacks, and when they are cleared away.

$throws = static fn(): string => throw new DomainException('from a callback');
$destroyed = static fn(): object => new class () {
    public function __destruct()
    {
        throw new DomainException('from a destructor');
    }
};
switch ($_GET['how']) {
    case 'a buffer':
        ob_start($throws);
        break;
    case 'buffers':
        ob_start($throws);
        ob_start($throws);
        ob_start($throws);
        break;
    case 'buffers behind an exception':
        ob_start($throws);
        throw new RuntimeException('first');
    case 'a buffer behind the answer':
        fastcgi_finish_request();
        ob_start($throws);
        echo 'never seen';
        throw new RuntimeException('behind the answer');
    case 'a buffer that stays':
        set_error_handler($throws);
        ob_start(null, 0, 0);
        break;
    case 'the headers':
        header_register_callback($throws);
        break;
    case 'the headers of a flush':
        header_register_callback($throws);
        echo 'of the page';
        for ($n = 0; $n < 9; $n++) {
            try {
                ob_flush();
                flush();
            } catch (DomainException) {
                echo "of the page\n";
            }
        }
        break;
    case 'the handler of exceptions':
        register_shutdown_function(static fn() => error_log('shut down all the same'));
        set_exception_handler($throws);
        throw new RuntimeException('first');
    case 'destroyed headers':
        (static function (object $kept): void {
            header_register_callback(static fn() => $kept);
        })($destroyed());
        break;
    case 'destroyed superglobals':
        $_GET['x'] = $destroyed();
        $_POST['x'] = $destroyed();
        $_FILES['x'] = $destroyed();
        $_SERVER['x'] = $destroyed();
        $_COOKIE['x'] = $destroyed();
        break;
    case 'a destroyed session':
        session_start();
        session_write_close();
        $_SESSION['x'] = $destroyed();
        break;
    case 'destroyed handlers':
        (static function (object $kept, object $other): void {
            set_error_handler(static fn(): bool => $kept === $other);
            set_exception_handler(static fn() => $other);
        })($destroyed(), $destroyed());
        break;
    case 'a loop within':
        frankenphp_handle_request(static fn() => print('a request of somebody else'));
        break;
}
echo 'done';
