<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Frame;
use PhpWorker\ProtocolException;

final class FrameTest extends TestCase
{
    public function testAControlFrameHasTheBytesOfTheProtocol(): void
    {
        self::assertSame('13010a00000042185d6600007b22706964223a34327d', \bin2hex(Frame::control('{"pid":42}')));
    }

    public function testADataFrameCarriesTheLengthOfItsContextAsItsOption(): void
    {
        self::assertSame('140804000000b83d97960000020000007b7d' . '4849', \bin2hex(Frame::data('{}', 2) . 'HI'));
    }

    public function testAChunkOfAStreamHasTheSTREAMBit(): void
    {
        self::assertSame('1408010000008acd49a101000000000021', \bin2hex(Frame::data('', 1, Frame::STREAM) . '!'));
    }

    public function testAnErrorFrameHasNoOption(): void
    {
        self::assertSame('134004000000881e11e30000626f6f6d', \bin2hex(Frame::error('boom')));
    }

    public function testAFrameWithoutPayloadIsItsHeaderAlone(): void
    {
        self::assertSame('13000000000096d180340200', \bin2hex(Frame::plain(0, '', Frame::STOP)));
    }

    public function testAHeaderIsReadWhereverItStands(): void
    {
        self::assertSame(
            ['words' => 1, 'flags' => 0x08, 'length' => 1, 'crc' => 0xA149CD8A, 'stream' => 1],
            Frame::header('xyz' . \hex2bin('1408010000008acd49a101000000000021'), 3),
        );
    }

    public function testAHeaderIsRefusedWhenAnyOfItsCheckedBytesIsWrong(): void
    {
        $good = Frame::control('{"pid":42}');
        for ($at = 0; $at < 10; $at++) {
            $bad = $good;
            $bad[$at] = \chr(\ord($bad[$at]) ^ 0x40);
            self::assertThrows(ProtocolException::class, 'not a frame of the protocol', static fn() => Frame::header($bad));
        }
    }

    public function testTextOnTheRelayIsShownInTheError(): void
    {
        self::assertThrows(ProtocolException::class, '"Warning: something', static fn() => Frame::header("Warning: something is wrong\n"));
    }

    public function testAHeaderShorterThanAHeaderIsRefused(): void
    {
        $head = \pack('CCV', 0x12, 0, 0);
        self::assertThrows(ProtocolException::class, 'shorter', static fn() => Frame::header($head . \pack('V', \crc32($head)) . "\0\0"));
    }
}
