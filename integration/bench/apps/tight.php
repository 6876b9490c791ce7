<?php

declare(strict_types=1);

// hello with as little PHP as there can be: each frame is answered with the same
// bytes, and nobody looks at the request. What PHP behind this server could reach
// at most.

use PhpWorker\Frame;

require getenv('BENCH_AUTOLOAD');

[$scheme, $address] = explode('://', getenv('RR_RELAY')) + [1 => 'stdin:stdout'];
if ($scheme === 'pipes') {
    [$in, $out] = explode(':', $address);
    $in = fopen('php://' . $in, 'rb');
    $out = fopen('php://' . $out, 'wb');
} else {
    $in = $out = stream_socket_client(getenv('RR_RELAY'));
    stream_set_timeout($in, -1);
}
stream_set_read_buffer($in, 0);
stream_set_write_buffer($out, 0);

$body = 'Hello, world!';
$hello = Frame::data('{"status":200,"headers":{"Content-Type":["text/plain"]}}', strlen($body)) . $body;
$pid = Frame::control('{"pid":' . getmypid() . '}');

$buffer = '';
while (($chunk = fread($in, 65536)) !== '' && $chunk !== false) {
    $buffer .= $chunk;
    $answers = '';
    while (strlen($buffer) >= Frame::HEADER) {
        $head = unpack('Cwords/Cflags/Vlength', $buffer);
        $size = ($head['words'] & 0x0F) * 4 + $head['length'];
        if (strlen($buffer) < $size) {
            break;
        }
        if (!($head['flags'] & Frame::CONTROL)) {
            $answers .= $hello;
        } elseif (str_contains(substr($buffer, 0, $size), '"stop"')) {
            break 2;
        } else {
            $answers .= $pid;
        }
        $buffer = substr($buffer, $size);
    }
    fwrite($out, $answers);
}
