<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Channel;
use PhpWorker\Cookie;
use PhpWorker\Exchange;
use PhpWorker\Request;
use PhpWorker\Superglobals\Calls;
use PhpWorker\Superglobals\FrontController;
use PhpWorker\Superglobals\Headers;
use PhpWorker\Superglobals\Output;
use PhpWorker\Superglobals\Variables;
use PhpWorker\Upload;

/**
 * The parts of a front controller's surroundings; as a whole it is tested through Caddy.
 */
final class SuperglobalsTest extends TestCase
{
    /**
     * @dataProvider headers
     *
     * @param list<array{string, list<mixed>}> $calls
     * @param array<string, list<string>>      $want
     */
    public function testHeadersAreCollectedAsPHPDoesIt(array $calls, int $status, array $want): void
    {
        $headers = new Headers();
        $functions = [
            'header' => $headers->header(...), 'header_remove' => static fn(?string $name = null) => $headers->remove($name), 'http_response_code' => $headers->code(...),
            'setcookie' => static fn(mixed ...$arguments) => $headers->cookie(true, ...$arguments),
            'setrawcookie' => static fn(mixed ...$arguments) => $headers->cookie(false, ...$arguments),
        ];
        foreach ($calls as [$function, $arguments]) {
            $functions[$function](...$arguments);
        }
        self::assertSame([$status, $want], [$headers->status(), $headers->all()]);
    }

    /**
     * @return array<string, array{list<array{string, list<mixed>}>, int, array<string, list<string>>}>
     */
    public static function headers(): array
    {
        $header = static fn(mixed ...$arguments): array => ['header', $arguments];

        return [
            'none' => [[], 200, []],
            'replaced, in any case' => [[$header('X-A: 1'), $header('x-a: 2')], 200, ['x-a' => ['2']]],
            'added' => [[$header('X-A: 1'), $header('x-a: 2', false)], 200, ['X-A' => ['1', '2']]],
            'removed' => [[$header('X-A: 1'), $header('X-B: 2'), ['header_remove', ['x-a']]], 200, ['X-B' => ['2']]],
            'all removed' => [[$header('X-A: 1'), ['header_remove', []]], 200, []],
            'a location' => [[$header('Location: /x')], 302, ['Location' => ['/x']]],
            'a location with its status' => [[$header('Location: /x', true, 307)], 307, ['Location' => ['/x']]],
            'a location after created' => [[['http_response_code', [201]], $header('Location: /x')], 201, ['Location' => ['/x']]],
            'a status line' => [[$header('HTTP/1.1 404 Not Found')], 404, []],
            'a status of CGI' => [[$header('Status: 410 Gone')], 410, []],
            'a challenge' => [[$header('WWW-Authenticate: Basic')], 401, ['WWW-Authenticate' => ['Basic']]],
            'no header' => [[$header('nothing'), $header(': x'), $header('')], 200, []],
            'text has an encoding' => [[$header('Content-Type: text/plain')], 200, ['Content-Type' => ['text/plain;charset=UTF-8']]],
            'and says so itself' => [[$header('Content-Type: text/plain; charset=x')], 200, ['Content-Type' => ['text/plain; charset=x']]],
            'a status line of its own' => [[$header('X-A: 1', true, 404)], 404, ['X-A' => ['1']]],
            'a cookie' => [[['setcookie', ['a', 'b c', 0, '/']], ['setrawcookie', ['d', 'e']]], 200, ['Set-Cookie' => ['a=b%20c; path=/', 'd=e']]],
            'a cookie that goes' => [[['setcookie', ['a']]], 200, ['Set-Cookie' => ['a=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0']]],
        ];
    }

    public function testAHeaderThatWouldBecomeTwoIsRefused(): void
    {
        $headers = new Headers();
        $warned = '';
        \set_error_handler(static function (int $level, string $message) use (&$warned): bool {
            $warned = $message;

            return true;
        });
        $headers->header("X-A: 1\r\nX-B: 2");
        \restore_error_handler();
        self::assertStringContainsString('more than a single header', $warned);
        self::assertSame([], $headers->all());
    }

    public function testTheStatusIsTold(): void
    {
        $headers = new Headers();
        self::assertSame([200, 200, 418], [
            $headers->code(), $headers->code(418), $headers->code(),
        ]);
        $headers->header('X-A: 1');
        self::assertSame(['X-A: 1'], $headers->list());
    }

    public function testOnlyFilesOfTheRequestAreMoved(): void
    {
        [$mine, $other] = [Scratch::path('mine'), Scratch::path('other')];
        $headers = new Headers();
        $channel = new Channel(\fopen('php://memory', 'rb'), \fopen('php://memory', 'wb'));
        $calls = new Calls($headers, new Output(new Exchange($channel), $headers), [$mine => true], false, new Request());
        self::assertSame([true, false], [$calls->call('is_uploaded_file', [$mine]), $calls->call('is_uploaded_file', [$other])]);
        self::assertFalse($calls->call('move_uploaded_file', [$other, Scratch::path()]));
        self::assertTrue($calls->call('move_uploaded_file', [$mine, $to = Scratch::path()]));
        self::assertFalse($calls->call('is_uploaded_file', [$mine]), 'once it is moved');
        self::assertSame(['mine', 'other'], [\file_get_contents($to), \file_get_contents($other)]);
    }

    public function testAFormIsParsedWhateverTheMethod(): void
    {
        $headers = new Headers();
        $channel = new Channel(\fopen('php://memory', 'rb'), \fopen('php://memory', 'wb'));
        $calls = static fn(Request $request): Calls => new Calls($headers, new Output(new Exchange($channel), $headers), [], false, $request);
        $type = 'application/x-www-form-urlencoded; charset=utf-8';
        $put = new Request(method: 'PUT', headers: ['Content-Type' => $type], formText: 'a[b]=1&c=%ff');
        self::assertSame([['a' => ['b' => '1'], 'c' => "\xff"], []], $calls($put)->call('request_parse_body', []));
    }

    public function testCookiesThatBreakTheirLineAreRefused(): void
    {
        self::assertThrows(\ValueError::class, 'cannot be the name', static fn() => Cookie::line("a\n", '', []));
        self::assertThrows(\ValueError::class, 'cannot contain', static fn() => Cookie::line('a', 'b; c', []));
        self::assertThrows(\ValueError::class, 'cannot contain', static fn() => Cookie::line('a', 'b', ['path' => '/;x']));
        self::assertSame(
            'a=b; path=/; domain=h; secure; HttpOnly; SameSite=Lax',
            Cookie::line('a', 'b', ['path' => '/', 'domain' => 'h', 'secure' => true, 'HttpOnly' => true, 'samesite' => 'Lax']),
        );
    }

    public function testFilesNestInPHPsOwnWay(): void
    {
        $file = static fn(string $name): Upload => new Upload($name, 'text/plain', 1, 0, "/t/{$name}");
        $leaf = static fn(string $name): array => [
            'name' => $name, 'full_path' => $name, 'type' => 'text/plain', 'tmp_name' => "/t/{$name}", 'error' => 0, 'size' => 1,
        ];
        $files = Variables::files(['one' => $file('a'), 'list' => [$file('b'), $file('c')], 'deep' => ['x' => ['y' => $file('d')]]]);
        self::assertSame($leaf('a'), $files['one']);
        self::assertSame([['b', 'c'], ['/t/b', '/t/c']], [$files['list']['name'], $files['list']['tmp_name']]);
        self::assertSame([['x' => ['y' => 'd']], ['x' => ['y' => 1]]], [$files['deep']['name'], $files['deep']['size']]);
        self::assertSame(['/t/a', '/t/d'], \array_keys(Variables::paths(['one' => $file('a'), 'deep' => ['x' => $file('d')]])));
    }

    public function testCookiesAreThoseOfPHP(): void
    {
        $cookies = static fn(string ...$lines): array => Variables::cookies(new Request(headers: ['Cookie' => $lines]));
        self::assertSame(['a' => '1', 'b_c' => 'x y', 'd' => ['e' => '2']], $cookies('a=1; a=2; b.c=x%20y; d[e]=2'));
        self::assertSame(['a' => '1', 'b' => '&+'], $cookies('a=1', 'b=&+'));
        self::assertSame([], $cookies());
    }

    public function testServerVariablesAreThoseOfPHPFPM(): void
    {
        $server = (new Request(
            'POST',
            'https://example.com:8443/a%20b/?x=1',
            ['X-Two' => ['1', '2'], 'Content-Type' => 'a/b', 'Authorization' => 'Basic ' . \base64_encode('ann:s:x'), 'Cookie' => ['a=1', 'b=2']],
            protocol: 'HTTP/2.0',
        ))->serverVariables('/srv/public/index.php');
        $want = [
            'REQUEST_METHOD' => 'POST', 'REQUEST_URI' => '/a%20b/?x=1', 'QUERY_STRING' => 'x=1', 'SERVER_NAME' => 'example.com',
            'SERVER_PORT' => '8443', 'HTTPS' => 'on', 'REQUEST_SCHEME' => 'https', 'SERVER_PROTOCOL' => 'HTTP/2.0', 'HTTP_X_TWO' => '1, 2',
            'CONTENT_TYPE' => 'a/b', 'PHP_AUTH_USER' => 'ann', 'PHP_AUTH_PW' => 's:x', 'HTTP_COOKIE' => 'a=1; b=2', 'HTTP_HOST' => 'example.com:8443',
            'SCRIPT_NAME' => '/index.php', 'SCRIPT_FILENAME' => '/srv/public/index.php', 'DOCUMENT_ROOT' => '/srv/public', 'REMOTE_ADDR' => '127.0.0.1',
        ];
        self::assertSame($want, \array_replace($want, \array_intersect_key($server, $want)));
        self::assertArrayNotHasKey('HTTP_CONTENT_TYPE', $server);
        $plain = (new Request(uri: 'http://[::1]/'))->serverVariables();
        self::assertSame(['[::1]', '80', '/'], [$plain['SERVER_NAME'], $plain['SERVER_PORT'], $plain['REQUEST_URI']]);
        self::assertArrayNotHasKey('HTTPS', $plain);
    }

    public function testWithoutTheServerTheReasonIsGiven(): void
    {
        self::assertThrows(\LogicException::class, 'superglobals need a worker that', static fn() => new FrontController(static fn() => null));
    }
}
