<?php
// Writes an array with its key types and its bytes intact: "i7=" and "sYQ==="
// stand for the keys 7 and "a", "vYg==;" for the string "b", "n1;" for 1.
function dump(mixed $v): string
{
    if (is_array($v)) {
        $out = '{';
        foreach ($v as $key => $item) {
            $out .= (is_int($key) ? "i$key=" : 's' . base64_encode($key) . '=') . dump($item);
        }
        return $out . '}';
    }
    return is_int($v) ? "n$v;" : 'v' . base64_encode($v) . ';';
}
