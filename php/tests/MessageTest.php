<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Frame;
use PhpWorker\ProtocolException;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Upload;

final class MessageTest extends TestCase
{
    public function testThePathOfARequestIsWhatTheClientSent(): void
    {
        $paths = [
            'http://h/a/b?x=1' => ['/a/b', 'x=1'], 'http://h' => ['/', ''], 'http://h?x=/y' => ['/', 'x=/y'],
            'https://h:8443/%2e%2F//c?u=http://o/p' => ['/%2e%2F//c', 'u=http://o/p'], '/only/path?u=http://o/' => ['/only/path', 'u=http://o/'],
            'http://h/a?x#y' => ['/a', 'x'], 'http://h/a#y?x' => ['/a', ''], 'http://[::1]:80/x:y' => ['/x:y', ''],
        ];
        foreach ($paths as $uri => $want) {
            $request = new Request(uri: $uri);
            self::assertSame($want, [$request->path, $request->rawQuery], "{$uri}:");
        }
    }

    public function testTheQueryNestsAsInPHP(): void
    {
        self::assertSame(['a' => ['1', 'k' => '2'], 'b_c' => 'x y'], (new Request(uri: 'http://h/?a[]=1&a[k]=2&b.c=x+y'))->query);
    }

    public function testHeadersAreFoundInAnyCase(): void
    {
        $request = new Request(headers: ['X-Many' => ['a', 'b'], 'ACCEPT' => 'text/html']);
        self::assertSame(['a, b', 'text/html', '', 'none'], [
            $request->header('x-many'), $request->header('Accept'), $request->header('X-None'), $request->header('X-None', 'none'),
        ]);
        self::assertSame(['x-many', 'accept'], \array_keys($request->headers));
    }

    public function testARequestInProtobufIsRefusedWithWhatToDoAboutIt(): void
    {
        self::assertThrows(ProtocolException::class, 'codec json', static fn() => Request::fromFrame(new Frame(Frame::PROTO, 0, "\x0a\x01x", '')));
    }

    public function testARequestThatIsNoneIsRefused(): void
    {
        self::assertThrows(ProtocolException::class, 'without method', static fn() => Request::fromFrame(new Frame(Frame::JSON, 0, '{"uri":"x"}', '')));
        self::assertThrows(ProtocolException::class, 'without method', static fn() => Request::fromFrame(new Frame(Frame::JSON, 0, 'no json', '')));
    }

    public function testBytesOfAClientThatAreNotUTF8DoNotFailTheRequest(): void
    {
        $context = "{\"method\":\"GET\",\"uri\":\"http://h/\",\"headers\":{\"X\":[\"caf\xE9\"]}}";
        self::assertSame("caf\u{FFFD}", Request::fromFrame(new Frame(Frame::JSON, 0, $context, ''))->header('x'));
    }

    public function testAFormWithoutFieldsIsAnEmptyForm(): void
    {
        $context = '{"method":"POST","uri":"http://h/","parsed":true}';
        self::assertSame([], Request::fromFrame(new Frame(Frame::JSON, 0, $context, ''))->parsedBody);
        self::assertSame([], Request::fromFrame(new Frame(Frame::JSON, 0, $context, '{}'))->parsedBody);
    }

    public function testAFileFieldLeftEmptyIsAnUploadThatSaysSoAndNoValue(): void
    {
        $none = '{"name":"","mime":"","size":0,"error":4,"tmpName":""}';
        $request = static fn(string $more, string $body): Request => Request::fromFrame(
            new Frame(Frame::JSON, 0, '{"method":"POST","uri":"http://h/","parsed":true,"uploads":null,' . $more . '}', $body),
        );
        $got = $request('"allUploads":{"photo":' . $none . ',"files":[' . $none . ']}', '{"a":"b"}');
        self::assertSame(['a' => 'b'], $got->parsedBody);
        self::assertSame([\UPLOAD_ERR_NO_FILE, \UPLOAD_ERR_NO_FILE], [$got->file('photo')->error, $got->file('files[0]')->error]);

        $got = $request('"allUploads":{"f[name]":' . $none . '},"filled":{"f":{"x":1,"y":{"z":1}},"g":1}', '{"f":{"kept":"","x":[],"y":{"z":[[]],"kept":"1"}},"g":{"h":[]}}');
        self::assertSame(['f' => ['kept' => '', 'y' => ['kept' => '1']]], $got->parsedBody);
        self::assertSame(\UPLOAD_ERR_NO_FILE, $got->files['f']['name']->error);
    }

    public function testARequestHasEitherABodyOrAParsedForm(): void
    {
        $request = static fn(string $parsed): Request => Request::fromFrame(
            new Frame(Frame::JSON, 0, '{"method":"POST","uri":"http://h/","parsed":' . $parsed . '}', '{"a":{"0":"x"}}'),
        );
        self::assertSame(['', ['a' => ['x']]], [$request('true')->body, $request('true')->parsedBody]);
        self::assertSame(['{"a":{"0":"x"}}', null], [$request('false')->body, $request('false')->parsedBody]);
    }

    public function testUploadsNestAsTheirNamesSayWhateverTheNamesAre(): void
    {
        $leaf = static fn(string $name): array => ['name' => $name, 'mime' => 'text/plain', 'size' => 1, 'error' => 0, 'tmpName' => "/t/{$name}"];
        $files = Upload::tree(['one' => $leaf('a'), 'list' => [$leaf('b'), $leaf('c')], 'deep' => ['name' => $leaf('d'), 'tmpName' => $leaf('e')]]);
        $request = new Request(files: $files);
        self::assertSame(['a', 'b', 'c', 'd', 'e'], \array_map(
            static fn(string $field): string => $request->file($field)->name,
            ['one', 'list[0]', 'list[1]', 'deep[name]', 'deep[tmpName]'],
        ));
        self::assertSame([null, null, null], [$request->file('list'), $request->file('none'), $request->file('one[x]')]);
    }

    public function testAnUploadIsMovedOnceWithThePermissionsOfANewFile(): void
    {
        $from = Scratch::path('content');
        \chmod($from, 0600);
        $to = Scratch::path();
        $upload = new Upload('a.txt', 'text/plain', 7, \UPLOAD_ERR_OK, $from);
        $upload->moveTo($to);
        \clearstatcache();
        self::assertSame(['content', false, 0666 & ~\umask()], [\file_get_contents($to), \file_exists($from), \fileperms($to) & 0777]);
        self::assertThrows(\RuntimeException::class, 'moved already', static fn() => $upload->moveTo($to));
    }

    public function testAnUploadThatCannotBeMovedSaysWhy(): void
    {
        $failed = new Upload('a.txt', '', 0, \UPLOAD_ERR_PARTIAL, '');
        self::assertThrows(\RuntimeException::class, 'error 3', static fn() => $failed->moveTo('/nowhere'));
        $gone = new Upload('a.txt', '', 0, \UPLOAD_ERR_OK, Scratch::path());
        self::assertThrows(\RuntimeException::class, 'No such file', static fn() => $gone->moveTo(Scratch::path()));
    }

    public function testTheContextOfAResponseIsWhatTheServerReads(): void
    {
        self::assertSame('{"status":204,"headers":{}}', Response::context(204, []));
        self::assertSame('{"status":200,"headers":{"A":["1"],"B":["x","2"]}}', Response::context(200, ['A' => 1, 'B' => ['k' => 'x', 2]]));
        self::assertSame('{"status":200,"headers":{"0":["a"]}}', Response::context(200, ['0' => 'a']));
        self::assertSame("{\"status\":200,\"headers\":{\"N\":[\"caf\xE9/é\"]}}", Response::context(200, ['N' => "caf\xE9/é"]));
        self::assertSame("{\"status\":200,\"headers\":{\"N\":[\"\xE9\\u0022\\u005c\\u000a\",\"b\"],\"0\":[\"c\"]}}", Response::context(200, ['N' => ["\xE9\"\\\n", 'b'], 0 => 'c']));
    }

    public function testTheShortWaysToAResponseSayWhatTheyAre(): void
    {
        $seen = static fn(Response $response): array => [$response->status, $response->headers, $response->body];
        self::assertSame([200, ['Content-Type' => 'text/html; charset=utf-8'], '<p>'], $seen(Response::html('<p>')));
        self::assertSame([404, ['Content-Type' => 'text/x'], 'a'], $seen(Response::text('a', 404, ['Content-Type' => 'text/x'])));
        self::assertSame([200, ['Content-Type' => 'application/json'], "{\"a\":\"é/\u{FFFD}\"}"], $seen(Response::json(['a' => "é/\xE9"])));
        self::assertSame([303, ['Location' => '/there'], ''], $seen(Response::redirect('/there')));
        self::assertThrows(\JsonException::class, 'Inf and NaN', static fn() => Response::json(\INF));
    }

    public function testAStatusNoResponseCanHaveIsRefusedWhereItIsMade(): void
    {
        foreach ([0, 103, 600] as $status) {
            self::assertThrows(\InvalidArgumentException::class, "status {$status}", static fn() => new Response($status));
        }
    }
}
