<?php

// Reads JSON request contexts from stdin, each behind its length (32 bits, big
// endian), decodes them as the RoadRunner clients do and prints what came out,
// one value a line. A document that cannot be decoded ends the run.

declare(strict_types=1);

function dump(string $path, mixed $value): void
{
    if (\is_array($value)) {
        echo $path, ' array ', \count($value), "\n";
        foreach ($value as $key => $item) {
            dump($path . '/' . (\is_int($key) ? '#' . $key : \bin2hex($key)), $item);
        }
        return;
    }
    echo $path, ' ', \get_debug_type($value), ' ', \bin2hex(\is_string($value) ? $value : \json_encode($value)), "\n";
}

$input = \stream_get_contents(STDIN);
for ($at = 0; $at < \strlen($input); $at += 4 + $length) {
    $length = \unpack('N', $input, $at)[1];
    $context = \json_decode(\substr($input, $at + 4, $length), true, 512, \JSON_THROW_ON_ERROR);
    dump('', $context);
    \parse_str($context['rawQuery'], $query);
    echo 'parse_str ', \bin2hex(\is_string($query['a'] ?? null) ? $query['a'] : ''), "\n";
    echo "end\n";
}
