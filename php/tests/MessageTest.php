<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Frame;
use PhpWorker\ProtocolException;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Upload;

test('the path of a request is what the client sent', function (): void {
    $paths = [
        'http://h/a/b?x=1' => ['/a/b', 'x=1'], 'http://h' => ['/', ''], 'http://h?x=/y' => ['/', 'x=/y'],
        'https://h:8443/%2e%2F//c?u=http://o/p' => ['/%2e%2F//c', 'u=http://o/p'], '/only/path?u=http://o/' => ['/only/path', 'u=http://o/'],
        'http://h/a?x#y' => ['/a', 'x'], 'http://h/a#y?x' => ['/a', ''], 'http://[::1]:80/x:y' => ['/x:y', ''],
    ];
    foreach ($paths as $uri => $want) {
        $request = new Request(uri: $uri);
        same($want, [$request->path, $request->rawQuery], "{$uri}:");
    }
});

test('the query nests as in PHP', function (): void {
    same(['a' => ['1', 'k' => '2'], 'b_c' => 'x y'], (new Request(uri: 'http://h/?a[]=1&a[k]=2&b.c=x+y'))->query);
});

test('headers are found in any case', function (): void {
    $request = new Request(headers: ['X-Many' => ['a', 'b'], 'ACCEPT' => 'text/html']);
    same(['a, b', 'text/html', '', 'none'], [
        $request->header('x-many'), $request->header('Accept'), $request->header('X-None'), $request->header('X-None', 'none'),
    ]);
    same(['x-many', 'accept'], \array_keys($request->headers));
});

test('a request in protobuf is refused with what to do about it', function (): void {
    throws(ProtocolException::class, 'codec json', static fn() => Request::fromFrame(new Frame(Frame::PROTO, 0, "\x0a\x01x", '')));
});

test('a request that is none is refused', function (): void {
    throws(ProtocolException::class, 'without method', static fn() => Request::fromFrame(new Frame(Frame::JSON, 0, '{"uri":"x"}', '')));
    throws(ProtocolException::class, 'without method', static fn() => Request::fromFrame(new Frame(Frame::JSON, 0, 'no json', '')));
});

test('bytes of a client that are not UTF-8 do not fail the request', function (): void {
    $context = "{\"method\":\"GET\",\"uri\":\"http://h/\",\"headers\":{\"X\":[\"caf\xE9\"]}}";
    same("caf\u{FFFD}", Request::fromFrame(new Frame(Frame::JSON, 0, $context, ''))->header('x'));
});

test('a form without fields is an empty form', function (): void {
    $context = '{"method":"POST","uri":"http://h/","parsed":true}';
    same([], Request::fromFrame(new Frame(Frame::JSON, 0, $context, ''))->parsedBody);
    same([], Request::fromFrame(new Frame(Frame::JSON, 0, $context, '{}'))->parsedBody);
});

test('a request has either a body or a parsed form', function (): void {
    $request = static fn(string $parsed): Request => Request::fromFrame(
        new Frame(Frame::JSON, 0, '{"method":"POST","uri":"http://h/","parsed":' . $parsed . '}', '{"a":{"0":"x"}}'),
    );
    same(['', ['a' => ['x']]], [$request('true')->body, $request('true')->parsedBody]);
    same(['{"a":{"0":"x"}}', null], [$request('false')->body, $request('false')->parsedBody]);
});

test('uploads nest as their names say, whatever the names are', function (): void {
    $leaf = static fn(string $name): array => ['name' => $name, 'mime' => 'text/plain', 'size' => 1, 'error' => 0, 'tmpName' => "/t/{$name}"];
    $files = Upload::tree(['one' => $leaf('a'), 'list' => [$leaf('b'), $leaf('c')], 'deep' => ['name' => $leaf('d'), 'tmpName' => $leaf('e')]]);
    $request = new Request(files: $files);
    same(['a', 'b', 'c', 'd', 'e'], \array_map(
        static fn(string $field): string => $request->file($field)->name,
        ['one', 'list[0]', 'list[1]', 'deep[name]', 'deep[tmpName]'],
    ));
    same([null, null, null], [$request->file('list'), $request->file('none'), $request->file('one[x]')]);
});

test('an upload is moved once, with the permissions of a new file', function (): void {
    $from = scratch('content');
    \chmod($from, 0600);
    $to = scratch();
    $upload = new Upload('a.txt', 'text/plain', 7, \UPLOAD_ERR_OK, $from);
    $upload->moveTo($to);
    \clearstatcache();
    same(['content', false, 0666 & ~\umask()], [\file_get_contents($to), \file_exists($from), \fileperms($to) & 0777]);
    throws(\RuntimeException::class, 'moved already', static fn() => $upload->moveTo($to));
});

test('an upload that cannot be moved says why', function (): void {
    $failed = new Upload('a.txt', '', 0, \UPLOAD_ERR_PARTIAL, '');
    throws(\RuntimeException::class, 'error 3', static fn() => $failed->moveTo('/nowhere'));
    $gone = new Upload('a.txt', '', 0, \UPLOAD_ERR_OK, scratch());
    throws(\RuntimeException::class, 'No such file', static fn() => $gone->moveTo(scratch()));
});

test('the context of a response is what the server reads', function (): void {
    same('{"status":204,"headers":{}}', Response::context(204, []));
    same('{"status":200,"headers":{"A":["1"],"B":["x","2"]}}', Response::context(200, ['A' => 1, 'B' => ['k' => 'x', 2]]));
    same('{"status":200,"headers":{"0":["a"]}}', Response::context(200, ['0' => 'a']));
    same("{\"status\":200,\"headers\":{\"N\":[\"caf\u{FFFD}/é\"]}}", Response::context(200, ['N' => "caf\xE9/é"]));
});

test('the short ways to a response say what they are', function (): void {
    $seen = static fn(Response $response): array => [$response->status, $response->headers, $response->body];
    same([200, ['Content-Type' => 'text/html; charset=utf-8'], '<p>'], $seen(Response::html('<p>')));
    same([404, ['Content-Type' => 'text/x'], 'a'], $seen(Response::text('a', 404, ['Content-Type' => 'text/x'])));
    same([200, ['Content-Type' => 'application/json'], "{\"a\":\"é/\u{FFFD}\"}"], $seen(Response::json(['a' => "é/\xE9"])));
    same([303, ['Location' => '/there'], ''], $seen(Response::redirect('/there')));
    throws(\JsonException::class, 'Inf and NaN', static fn() => Response::json(\INF));
});

test('a status no response can have is refused where it is made', function (): void {
    foreach ([0, 103, 600] as $status) {
        throws(\InvalidArgumentException::class, "status {$status}", static fn() => new Response($status));
    }
});
