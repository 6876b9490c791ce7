<?php

declare(strict_types=1);

/*
 * The PSR-7 application of psr.php where PHP gives superglobals: what an adapter of
 * a framework does at least.
 */

namespace Bench;

use Nyholm\Psr7\Factory\Psr17Factory;
use Nyholm\Psr7\Response;
use Psr\Http\Message\ServerRequestInterface;

require setting('BENCH_AUTOLOAD');

function requestFromGlobals(Psr17Factory $factory): ServerRequestInterface
{
    $uri = 'http://' . ($_SERVER['HTTP_HOST'] ?? 'localhost') . $_SERVER['REQUEST_URI'];
    $request = $factory->createServerRequest($_SERVER['REQUEST_METHOD'], $uri, $_SERVER)
        ->withProtocolVersion(\substr($_SERVER['SERVER_PROTOCOL'] ?? 'HTTP/1.1', 5))
        ->withCookieParams($_COOKIE)
        ->withQueryParams($_GET)
        ->withParsedBody($_POST)
        ->withBody($factory->createStreamFromFile('php://input'));
    foreach ($_SERVER as $name => $value) {
        if (\str_starts_with((string) $name, 'HTTP_')) {
            $request = $request->withHeader(\strtr(\substr($name, 5), '_', '-'), $value);
        } elseif (($name === 'CONTENT_TYPE' || $name === 'CONTENT_LENGTH') && $value !== '') {
            $request = $request->withHeader(\strtr($name, '_', '-'), $value);
        }
    }

    return $request;
}

function serve(Psr17Factory $factory): void
{
    $request = requestFromGlobals($factory);
    $body = answer($request->getUri()->getPath(), fn() => (string) $request->getBody());
    $response = new Response(200, ['Content-Type' => 'text/plain'], $body);
    \http_response_code($response->getStatusCode());
    foreach ($response->getHeaders() as $name => $values) {
        foreach ($values as $value) {
            \header("$name: $value", false);
        }
    }
    echo $response->getBody();
}
