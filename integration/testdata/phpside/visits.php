<?php

declare(strict_types=1);

// What the tests of sessions and of PHP's own functions ask for, whatever stands in front of it.

ini_set('session.save_path', (string) getenv('SESSIONS'));
if (getenv('OWN_HANDLER')) {
    session_set_save_handler(new class () extends SessionHandler {}, true);
}

/** @param array<string, mixed> $query */
function visit(string $path, array $query): string
{
    switch ($path) {
        case '/login':
            session_start();
            $_SESSION['name'] = $query['name'];

            return 'hello ' . $_SESSION['name'];
        case '/who':
            session_start();

            return $_SESSION['name'] ?? 'nobody';
        case '/left': // of a session, by a request before
            return json_encode([session_id(), $_SESSION ?? null, session_status() === PHP_SESSION_ACTIVE, $_COOKIE]);
        case '/logout':
            session_start();
            session_destroy();

            return 'bye';
        case '/renew':
            session_start();
            session_regenerate_id(true);

            return $_SESSION['name'] ?? 'nobody';
        case '/header':
            for ($n = 0; $n < 2; $n++) {
                header('X-Lost: yes');
                setcookie('lost', 'yes');
            }
            header_register_callback(static fn() => http_response_code(418));
            if (!getenv('SUPERGLOBALS')) {
                http_response_code(418);
            }

            return 'lost';
        case '/nothing': // null, as PHP's own functions take it
            header_remove(null);
            foreach ([header(...), setcookie(...), setrawcookie(...), http_response_code(...), is_uploaded_file(...)] as $function) {
                try {
                    $function(null);
                } catch (ValueError) { // a cookie without a name
                }
            }
            header('X-A: 1', null, null);
            setcookie('a', null, null, null, null, null, null);

            return json_encode([move_uploaded_file(null, null), filter_input(INPUT_GET, 'n'), filter_has_var(INPUT_GET, 'n'), filter_input_array(INPUT_GET), ob_get_level() > 1]);
        case '/end':
            exit(0);
    }

    return 'pid ' . getmypid();
}
