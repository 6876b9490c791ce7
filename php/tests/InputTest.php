<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PhpWorker\Superglobals\Input;

/**
 * php:// while a request with a body is answered.
 */
final class InputTest extends TestCase
{
    private const BODY = '<?php return "carried out";';

    protected function setUp(): void
    {
        Input::install(self::BODY);
    }

    protected function tearDown(): void
    {
        Input::remove();
    }

    public function testTheBodyIsReadAsOftenAsOneLikes(): void
    {
        self::assertSame([self::BODY, self::BODY], [\file_get_contents('php://input'), \file_get_contents('PHP://INPUT')]);
        $stream = \fopen('php://input', 'rb');
        self::assertSame('<?php', \fread($stream, 5));
        self::assertSame(0, \fseek($stream, 6));
        self::assertSame('return "carried out";', \stream_get_contents($stream));
        self::assertTrue(\feof($stream));
    }

    public function testTheBodyIsNeverCarriedOut(): void
    {
        foreach (['php://input', 'php://filter/resource=php://input', 'PHP://input'] as $path) {
            self::assertNotSame('carried out', @include $path);
        }
    }

    public function testEverythingElseIsPHPsOwn(): void
    {
        $memory = \fopen('php://memory', 'w+b');
        self::assertSame(3, \fwrite($memory, 'abc'));
        \rewind($memory);
        self::assertSame(['abc', 3], [\fread($memory, 10), \fstat($memory)['size']]);
        self::assertTrue(\ftruncate($memory, 1));

        $temp = new \SplTempFileObject();
        $temp->fwrite("a\nb\n");
        $temp->rewind();
        self::assertSame(["a\n", "b\n"], [$temp->fgets(), $temp->fgets()]);

        self::assertSame('ABC', \file_get_contents('php://filter/read=string.toupper/resource=data:,abc'));
        self::assertFileExists(__FILE__);
        self::assertFalse(\file_exists('php://input'));
        self::assertFalse(@\fopen('php://nothing', 'rb'));
    }

    public function testAnotherRequestHasAnotherBody(): void
    {
        Input::remove();
        self::assertSame('', \file_get_contents('php://input'));
        Input::install('second');
        self::assertSame('second', \file_get_contents('php://input'));
    }

    public function testTheBodyMayBeFiltered(): void
    {
        self::assertSame(\strtoupper(self::BODY), \file_get_contents('php://filter/read=string.toupper/resource=php://input'));
        self::assertSame(self::BODY, \file_get_contents('PHP://filter/string.toupper|string.tolower/resource=PHP://Input'));
        self::assertSame(self::BODY, \file_get_contents('php://input'));
    }

    public function testALargeBodyIsReadWithoutACopy(): void
    {
        Input::install($body = \str_repeat('x', 20_000_000));
        [$before, $read] = [\memory_get_usage(), 0];
        \ini_set('memory_limit', (string) ($before + 10_000_000));
        try {
            for ($stream = \fopen('php://input', 'rb'); !\feof($stream); $read += \strlen(\fread($stream, 8192)));
        } finally {
            \ini_set('memory_limit', '-1');
        }
        self::assertSame(\strlen($body), $read);
    }

    public function testOneMovesWithinTheBodyAndChangesNothing(): void
    {
        $stream = \fopen('php://input', 'r+b');
        self::assertSame([0, \strlen(self::BODY)], [\fseek($stream, -2, \SEEK_END), \fstat($stream)['size']]);
        self::assertSame([';', true], [\stream_get_contents($stream, -1, \strlen(self::BODY) - 1), \feof($stream)]);
        self::assertSame([-1, -1], [\fseek($stream, -1), \fseek($stream, 1, \SEEK_END)]);
        self::assertSame([0, 0, '?'], [\fseek($stream, 0), \fseek($stream, 1, \SEEK_CUR), \fgetc($stream)]);
        self::assertNotSame(1, @\fwrite($stream, 'x'));
        self::assertFalse(@\ftruncate($stream, 0));
        self::assertSame(self::BODY, \file_get_contents('php://input'));
        $copy = \tmpfile();
        self::assertSame(\strlen(self::BODY), \stream_copy_to_stream(\fopen('php://input', 'rb'), $copy));
    }

    public function testABodyThatIsReadCostsNoMemoryForGood(): void
    {
        $read = static function (): void {
            Input::install('a=1');
            self::assertSame('a=1', file_get_contents('php://input'));
            Input::remove();
        };
        $read();
        $before = memory_get_usage();
        for ($n = 0; $n < 1000; $n++) {
            $read();
        }
        @stream_wrapper_restore('php');
        self::assertLessThan(50_000, memory_get_usage() - $before);
    }
}
