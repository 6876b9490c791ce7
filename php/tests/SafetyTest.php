<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

/**
 * What one request of a resident process may do without the next one noticing.
 */
final class SafetyTest extends TestCase
{
    private const WORKER = __DIR__ . '/fixtures/worker.php';

    /**
     * @dataProvider disturbances
     */
    public function testTheNextRequestFindsTheProcessAsItWas(string $path): void
    {
        $server = Server::ready(self::WORKER);
        $calm = $server->ask('/calm')['body'];
        self::assertStringNotContainsString('Tokyo', $calm);
        self::assertSame(200, $server->ask($path)['status']);
        self::assertSame($calm, $server->ask('/calm')['body']);
    }

    /**
     * @return array<string, array{string}>
     */
    public static function disturbances(): array
    {
        return ['it was disturbed' => ['/disturb'], 'its handlers were taken away' => ['/lose-handlers'], 'buffers were left open' => ['/open-buffer']];
    }

    public function testAHandlerThatExitsDeliversWhatItHasPrintedAndEndsItsWorker(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/exit-said', number: 7));
        $answer = $server->read();
        self::assertSame([200, 'printed and exited', [7], 0], [$answer['status'], $answer['body'], [$answer['options'][1]], $answer['stream'] & 1]);
        self::assertNull($server->read());
        self::assertSame(3, $server->reap());
    }

    public function testAProcessThatTheHandlerHasForkedDoesNotAnswer(): void
    {
        $server = Server::ready(self::WORKER);
        self::assertSame('the parent', $server->ask('/fork')['body']);
        self::assertSame('request 2', $server->ask('/')['body']);
    }

    /**
     * @dataProvider children
     */
    public function testAForkedProcessThatComesBackFromTheHandlerEnds(string $path, string $answer): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request($path, number: 7) . Server::probe());
        for ($body = ''; ($frame = $server->read())['stream'] === 1; $body .= $frame['body']);
        self::assertSame([8, $answer], [$frame['flags'], $body . $frame['body']]);
        $server->expectPid();
        self::assertSame('request 2', $server->ask('/')['body']);
        self::assertStringContainsString('a process forked in a request goes no further', $server->log());
        self::assertStringContainsString('exit()', $server->log());
        self::assertStringNotContainsString('DomainException', $server->log());
    }

    /**
     * @return list<array{string, string}>
     */
    public static function children(): array
    {
        return [['/fork-on?returns', 'the parent'], ['/fork-on?throws', 'the parent'], ['/fork-on?streams', 'the parent'], ['/fork-stream', 'one two']];
    }

    public function testAForkedProcessThatComesBackFromTheWorkAfterTheResponseEnds(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/fork-afterwards', number: 7) . Server::probe());
        self::assertSame('the parent', $server->read()['body']);
        self::assertSame(['{"done":true}', [0, 7]], [($done = $server->read())['payload'], $done['options']]);
        $server->expectPid();
        self::assertSame('request 2', $server->ask('/')['body']);
        self::assertStringContainsString('a process forked in a request goes no further', $server->log());
    }

    public function testNothingCanBeSentForARequestThatHasBeenAnswered(): void
    {
        $server = Server::ready(self::WORKER);
        foreach (['a response', 'another one'] as $ignored) {
            $server->ask('/keep');
            $told = \json_decode($server->ask('/use-kept')['body'], true);
            self::assertCount(4, $told);
            foreach ($told as $message) {
                self::assertStringContainsString('has been answered', $message);
            }
        }
        self::assertSame('answered', $server->ask('/start-afterwards')['body']);
        self::assertStringContainsString('has been answered', $server->log());
    }

    public function testAFailureThatCannotBePutIntoWordsIsAFailureAllTheSame(): void
    {
        $server = Server::ready(self::WORKER);
        $answer = $server->ask('/mute');
        self::assertSame(0x40, $answer['flags']);
        self::assertStringContainsString('mute', $answer['payload']);
        self::assertSame('request 2', $server->ask('/')['body']);
    }

    /**
     * @dataProvider handlers
     */
    public function testAnAlarmWithinAWriteCutsNothing(string $handler): void
    {
        foreach (['fd', 'unix'] as $relay) {
            $server = Server::ready(self::WORKER, $relay, ['HANDLER' => $handler]);
            $server->write(Server::request('/alarms') . Server::probe());
            $server->expectLog('armed');
            // Until something is read the worker hangs in its write, where each alarm reaches it.
            for ($limit = \microtime(true) + 10; \substr_count($server->log(), 'alarm') < 5 && \microtime(true) < $limit; \usleep(1000)) {
                \posix_kill($server->pid, \SIGALRM);
            }
            for ($body = ''; ($frame = $server->read()) !== null && $frame['stream'] === 1; $body .= $frame['body']);
            self::assertSame([0, 8 << 20], [$frame['stream'] ?? null, \strlen($body)], "{$relay}:{$server->log()}");
            $server->expectPid();
        }
    }

    /**
     * @return list<array{string}>
     */
    public static function handlers(): array
    {
        return [['none'], ['throws'], ['swallows']];
    }

    /**
     * @dataProvider handlers
     */
    public function testAServerThatIsGoneEndsTheWorkerWhateverItsHandlerOfErrorsDoes(string $handler): void
    {
        foreach (['fd', 'stdio', 'unix'] as $relay) {
            foreach (['/big?kib=4000', '/endless', '/alarms', '/'] as $path) {
                $server = Server::ready(self::WORKER, $relay, ['HANDLER' => $handler]);
                $server->write(Server::request($path));
                $server->hangUp();
                self::assertSame(0, $server->reap(), "{$relay} {$path}: {$server->log()}");
            }
        }
    }

    /**
     * @dataProvider relays
     */
    public function testABufferThatThrowsDoesNotTakeTheGuardAway(string $relay): void
    {
        $server = Server::ready(self::WORKER, $relay);
        self::assertStringContainsString('within a buffer', $server->ask('/break-buffer')['payload']);
        self::assertSame('answer', $server->ask('/print')['body']);
        $server->write(Server::request('/exit-said'));
        self::assertSame('printed and exited', $server->read()['body']);
    }

    public function testABufferInPlaceOfTheGuardDoesNotStay(): void
    {
        foreach (['/replace-guard', '/close-buffers'] as $path) {
            $server = Server::ready(self::WORKER);
            self::assertSame('answer', $server->ask($path)['body']);
            self::assertSame('answer', $server->ask('/print')['body']);
            $server->expectLog('more noise');
            $server->write(Server::request('/exit-said'));
            self::assertSame('printed and exited', $server->read()['body'], $path);
        }
    }

    /**
     * @dataProvider handlers
     */
    public function testBuffersThatAreLeftOpenCostNoWorkerHoweverTheyEnd(string $handler): void
    {
        foreach (['/leave-broken-buffer', '/leave-fixed-buffer'] as $path) {
            $server = Server::ready(self::WORKER, 'fd', ['HANDLER' => $handler]);
            foreach ([1, 3] as $n) {
                self::assertSame('answer', $server->ask($path)['body']);
                self::assertSame('request ' . ($n + 1), $server->ask('/')['body']);
            }
        }
    }

    /**
     * Stdio, where the text itself would be on the relay, is not among them.
     *
     * @return list<array{string}>
     */
    public static function relays(): array
    {
        return [['fd'], ['unix']];
    }

    public function testAHandlerCanHaveItsWorkerReplaced(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/stop', number: 7));
        $answer = $server->read();
        self::assertSame(['the last answer', 0], [$answer['body'], $answer['stream']]);
        self::assertNull($server->read());
        self::assertSame(0, $server->reap());
        self::assertStringContainsString("the last work\nprinted at the end\nended after 1", \str_replace("\n\n", "\n", $server->log()));
    }

    public function testAResponseThatWasBegunAndExitedFromIsCut(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/exit-started'));
        self::assertSame(1, $server->read()['stream']);
        self::assertNull($server->read());
    }

    public function testAfterAFatalErrorTheServerHasTheWord(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/fatal'));
        self::assertNull($server->read());
        self::assertSame(255, $server->reap());
        self::assertStringContainsString('Allowed memory size', $server->log());
    }

    public function testAResponseCanBePushedInPieces(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/push') . Server::probe());
        $frames = [];
        do {
            $frame = $server->read();
            $frames[] = [$frame['stream'], $frame['status'], $frame['body']];
        } while ($frame['stream'] !== 0);
        self::assertSame([[1, 201, ''], [1, null, 'one'], [1, null, 'two'], [0, null, '']], $frames);
        $server->expectPid();
    }

    public function testAPushedResponseToHeadHasNoBody(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/push', ['method' => 'HEAD']) . Server::probe());
        self::assertSame([1, 201, ''], [($first = $server->read())['stream'], $first['status'], $first['body']]);
        $server->endOfStream();
        $server->expectPid();
    }

    public function testAPushedResponseIsStoppedWhenNobodyReadsIt(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/push-endless') . Server::probe());
        $server->read();
        $server->write(Server::stopStream());
        $server->endOfStream();
        $server->expectPid();
        self::assertStringContainsString('push: stopped', $server->log());
        self::assertSame('request 2', $server->ask('/')['body']);
    }

    public function testTwoWaysToAnswerAtOnceFailWithWhatToDo(): void
    {
        $server = Server::ready(self::WORKER);
        $server->write(Server::request('/push-twice') . Server::probe());
        self::assertSame(1, $server->read()['stream']);
        self::assertStringContainsString('return null, not another response', $server->read()['payload']);
        $server->expectPid();
        self::assertStringContainsString('call start() before write()', $server->ask('/write-early')['payload']);
    }

    public function testASessionBelongsToTheCookieThatCameWithTheRequest(): void
    {
        $server = Server::ready(self::WORKER);
        $login = $server->ask('/login?name=anna');
        self::assertCount(1, $login['headers']['Set-Cookie'] ?? []);
        self::assertMatchesRegularExpression('/^PHPSESSID=([a-zA-Z0-9,-]+); path=\/$/', $login['headers']['Set-Cookie'][0]);
        $id = \substr(\strtok($login['headers']['Set-Cookie'][0], ';'), 10);

        self::assertSame('nobody', $server->ask('/who')['body']);
        $known = $server->ask('/who', ['cookies' => ['PHPSESSID' => $id]]);
        self::assertSame(['anna', []], [$known['body'], $known['headers']['Set-Cookie'] ?? []]);
        self::assertSame('nobody', $server->ask('/who', ['cookies' => ['PHPSESSID' => "no id\n"]])['body']);
        self::assertSame([], $server->ask('/')['headers']['Set-Cookie'] ?? []);
    }
}
