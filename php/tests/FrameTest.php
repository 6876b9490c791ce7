<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Frame;
use PhpWorker\ProtocolException;

// Golden bytes: computed by another implementation.

test('a control frame has the bytes of the protocol', function (): void {
    same('13010a00000042185d6600007b22706964223a34327d', \bin2hex(Frame::control('{"pid":42}')));
});

test('a data frame carries the length of its context as its option', function (): void {
    same('140804000000b83d97960000020000007b7d' . '4849', \bin2hex(Frame::data('{}', 2) . 'HI'));
});

test('a chunk of a stream has the STREAM bit', function (): void {
    same('1408010000008acd49a101000000000021', \bin2hex(Frame::data('', 1, Frame::STREAM) . '!'));
});

test('an error frame has no option', function (): void {
    same('134004000000881e11e30000626f6f6d', \bin2hex(Frame::error('boom')));
});

test('a frame without payload is its header alone', function (): void {
    same('13000000000096d180340200', \bin2hex(Frame::plain(0, '', Frame::STOP)));
});

test('a header is read wherever it stands', function (): void {
    same(
        ['words' => 1, 'flags' => 0x08, 'length' => 1, 'crc' => 0xA149CD8A, 'stream' => 1],
        Frame::header('xyz' . \hex2bin('1408010000008acd49a101000000000021'), 3),
    );
});

test('a header is refused when any of its checked bytes is wrong', function (): void {
    $good = Frame::control('{"pid":42}');
    for ($at = 0; $at < 10; $at++) {
        $bad = $good;
        $bad[$at] = \chr(\ord($bad[$at]) ^ 0x40);
        throws(ProtocolException::class, 'not a frame of the protocol', static fn() => Frame::header($bad));
    }
});

test('text on the relay is shown in the error', function (): void {
    throws(ProtocolException::class, '"Warning: something', static fn() => Frame::header("Warning: something is wrong\n"));
});

test('a header shorter than a header is refused', function (): void {
    $head = \pack('CCV', 0x12, 0, 0);
    throws(ProtocolException::class, 'shorter', static fn() => Frame::header($head . \pack('V', \crc32($head)) . "\0\0"));
});
