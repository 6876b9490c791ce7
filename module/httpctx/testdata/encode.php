<?php

// Prints response contexts as json_encode writes them under all flags that
// change its output, each followed by what it says: the status, and one line
// for every header value. Both stand behind their length (32 bits, big endian).

declare(strict_types=1);

const FLAGS = [
    0,
    \JSON_UNESCAPED_UNICODE,
    \JSON_UNESCAPED_UNICODE | \JSON_UNESCAPED_LINE_TERMINATORS,
    \JSON_UNESCAPED_SLASHES,
    \JSON_UNESCAPED_UNICODE | \JSON_UNESCAPED_SLASHES,
    \JSON_PRETTY_PRINT,
    \JSON_PRETTY_PRINT | \JSON_UNESCAPED_UNICODE,
    \JSON_HEX_TAG | \JSON_HEX_AMP | \JSON_HEX_APOS | \JSON_HEX_QUOT,
    \JSON_FORCE_OBJECT,
    \JSON_FORCE_OBJECT | \JSON_PRETTY_PRINT,
    \JSON_PRESERVE_ZERO_FRACTION,
    \JSON_NUMERIC_CHECK,
];

\mt_srand(20261114);

function text(int $max): string
{
    $s = '';
    for ($n = \mt_rand(0, $max); $n > 0; --$n) {
        $s .= match (\mt_rand(0, 9)) {
            0 => \chr(\mt_rand(0, 0x1f)),
            1 => '"\\/<>&\''[\mt_rand(0, 6)],
            2 => utf8(\mt_rand(0x80, 0x7ff)),
            3 => utf8(\mt_rand(0x2020, 0x2fff)),
            4 => utf8(\mt_rand(0x10000, 0x10ffff)),
            default => \chr(\mt_rand(0x20, 0x7e)),
        };
    }
    return $s;
}

// utf8 needs no extension, unlike mb_chr.
function utf8(int $c): string
{
    return match (true) {
        $c < 0x800 => \chr(0xc0 | $c >> 6),
        $c < 0x10000 => \chr(0xe0 | $c >> 12) . \chr(0x80 | $c >> 6 & 0x3f),
        default => \chr(0xf0 | $c >> 18) . \chr(0x80 | $c >> 12 & 0x3f) . \chr(0x80 | $c >> 6 & 0x3f),
    } . \chr(0x80 | $c & 0x3f);
}

function frame(string $s): string
{
    return \pack('N', \strlen($s)) . $s;
}

for ($i = 0; $i < 3000; ++$i) {
    $status = \mt_rand(100, 599);
    $context = ['status' => match (\mt_rand(0, 3)) {
        0 => (string) $status,
        1 => (float) $status,
        default => $status,
    }];
    $lines = "$status\n";
    $headers = [];
    for ($n = \mt_rand(0, 5); $n > 0; --$n) {
        $name = \mt_rand(0, 2) ? 'X-' . \bin2hex(\pack('n', \mt_rand(0, 9))) : 'x' . text(8);
        $line = \bin2hex($name) . ' ';
        $value = text(40) . '!';
        $headers[$name] = match (\mt_rand(0, 7)) {
            0 => [[$value], [$value]],
            1 => [$value, [$value]],
            2 => [[1 => $value, 4 => 'v'], [$value, 'v']],
            3 => [[], []],
            4 => [\mt_rand(0, 999), null],
            5 => [[true, 1.5, -7, null, 'v'], ['true', '1.5', '-7', 'v']],
            6 => [null, []],
            default => [['v', $value, ''], ['v', $value, '']],
        };
        $headers[$name][1] ??= [(string) $headers[$name][0]];
    }
    foreach ($headers as $name => [$value, $texts]) {
        foreach ($texts as $t) {
            $lines .= \bin2hex((string) $name) . ' ' . \bin2hex($t) . "\n";
        }
    }
    $values = \array_map(static fn (array $pair): mixed => $pair[0], $headers);
    $context['headers'] = match (true) {
        $values !== [] => $values,
        (bool) \mt_rand(0, 1) => (object) [],
        default => [],
    };
    if (\mt_rand(0, 3) === 0) {
        $context = ['unknown' => [text(9), [1, 2.5e-9, null, false, ['' => text(9)]]]] + $context;
    }
    echo frame(\json_encode($context, FLAGS[$i % \count(FLAGS)] | \JSON_THROW_ON_ERROR)), frame($lines);
}
