<?php

declare(strict_types=1);

// The visits behind a client of the protocol that has nothing in common with our package,
// and knows, as RoadRunner's, neither sessions nor superglobals.

require __DIR__ . '/visits.php';

$in = fopen('php://fd/3', 'rb');
$out = fopen('php://fd/4', 'wb');
$send = static function (string $context, string $body, int $flags) use ($out): void {
    $head = pack('CCV', $context === '' ? 0x13 : 0x14, $flags, strlen($context . $body));
    fwrite($out, $head . pack('VCC', crc32($head), 0, 0) . ($context === '' ? '' : pack('V', strlen($context))) . $context . $body);
};
while (($head = stream_get_contents($in, 12)) !== '') {
    $options = (ord($head[0]) & 15) - 3;
    $split = $options > 0 ? unpack('V', stream_get_contents($in, 4 * $options))[1] : 0;
    $payload = stream_get_contents($in, unpack('V', $head, 2)[1]);
    if ((ord($head[1]) & 1) !== 0) {
        if (isset(json_decode($payload, true)['stop'])) {
            exit(0);
        }
        $send('', json_encode(['pid' => getmypid()]), 1);
        continue;
    }
    $request = json_decode(substr($payload, 0, $split), true);
    parse_str($request['rawQuery'], $query);
    $send('{"status":200,"headers":{}}', visit(parse_url($request['uri'], PHP_URL_PATH), $query), 8);
}
