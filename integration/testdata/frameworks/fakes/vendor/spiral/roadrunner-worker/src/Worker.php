<?php

declare(strict_types=1);

namespace Spiral\RoadRunner;

/** Frames without numbers, as RoadRunner's. */
final class Worker
{
    private function __construct(private $in, private $out) {}

    public static function create(): self
    {
        // What is printed goes to stderr; the buffer cannot be removed.
        ob_start(static function (string $text): string {
            fwrite(STDERR, $text);

            return '';
        }, 10, 0);

        return new self(fopen('php://fd/3', 'rb'), fopen('php://fd/4', 'wb'));
    }

    /** @return array{array, string}|null */
    public function wait(): ?array
    {
        while (($head = (string) stream_get_contents($this->in, 12)) !== '') {
            $options = (ord($head[0]) & 15) - 3;
            $split = $options > 0 ? unpack('V', stream_get_contents($this->in, 4 * $options))[1] : 0;
            $payload = stream_get_contents($this->in, unpack('V', $head, 2)[1]);
            if ((ord($head[1]) & 1) === 0) {
                return [json_decode(substr($payload, 0, $split), true), substr($payload, $split)];
            }
            if (isset(json_decode($payload, true)['stop'])) {
                return null;
            }
            $this->send('', json_encode(['pid' => getmypid()]), 1);
        }

        return null;
    }

    public function send(string $context, string $body, int $flags = 8): void
    {
        $head = pack('CCV', $context === '' ? 0x13 : 0x14, $flags, strlen($context . $body));
        fwrite($this->out, $head . pack('VCC', crc32($head), 0, 0) . ($context === '' ? '' : pack('V', strlen($context))) . $context . $body);
    }
}
