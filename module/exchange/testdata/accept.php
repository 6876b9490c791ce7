<?php

declare(strict_types=1);

// Says of each request, read from stdin as a length and a context, and a length
// and a body, whether a worker would take it: "ok", or why not. These are the
// rules of json_decode, parse_url and the PSR-7 libraries, whose exceptions would
// end a worker.

function fault(string $context, string $body): string
{
    $c = json_decode($context, true);
    if (!is_array($c)) {
        return 'the context is no JSON: ' . json_last_error_msg();
    }
    foreach (['remoteAddr', 'protocol', 'method', 'uri', 'rawQuery'] as $key) {
        if (!is_string($c[$key] ?? null)) {
            return "$key is no string";
        }
    }
    $uri = parse_url($c['uri']);
    if ($uri === false || !isset($uri['scheme'], $uri['host'])) {
        return "parse_url refuses {$c['uri']}";
    }
    if (!in_array($uri['scheme'], ['http', 'https'], true) || isset($uri['user'], $uri['pass'], $uri['fragment'])) {
        return "another kind of URI: {$c['uri']}";
    }
    if (($uri['port'] ?? 1) < 1) {
        return "a bad port: {$c['uri']}";
    }
    if (preg_match('/[\x00-\x20\x7f-\xff]/', $c['uri'])) {
        return 'the URI has bytes that no URI has';
    }
    if ($c['method'] === '') {
        return 'no method';
    }
    if (!isset($c['headers']['Host'])) {
        return 'no Host';
    }
    foreach ($c['headers'] as $name => $values) {
        if (!is_string($name) || !preg_match('/^[!#$%&\'*+.^_`|~0-9A-Za-z-]+$/D', $name) || strcasecmp($name, 'proxy') === 0) {
            return "the header name $name";
        }
        foreach ($values as $value) {
            if (!is_string($value) || !preg_match('/^[\x20\x09\x21-\x7E\x80-\xFF]*$/D', $value)) {
                return "a value of the header $name";
            }
        }
    }
    foreach (['cookies', 'attributes'] as $key) {
        if (!is_array($c[$key])) {
            return "$key is no array";
        }
    }
    if (!is_array($c['uploads'] ?? [])) {
        return 'uploads is no array';
    }
    if ($c['parsed'] && !is_array(json_decode($body, true))) {
        return 'the form is no JSON array';
    }

    return 'ok';
}

while (($head = fread(STDIN, 4)) !== false && strlen($head) === 4) {
    $context = (string) stream_get_contents(STDIN, unpack('N', $head)[1]);
    $length = unpack('N', fread(STDIN, 4))[1];
    $body = $length === 0 ? '' : stream_get_contents(STDIN, $length);
    echo str_replace("\n", ' ', fault($context, $body)), "\n";
}
