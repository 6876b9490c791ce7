<?php

// Put before a worker: from here on a warning is an exception, as in the loops of
// Laravel and Symfony.
set_error_handler(static function (int $level, string $text, string $file, int $line): bool {
    if (!(error_reporting() & $level) || $level === E_DEPRECATED) {
        return false;
    }
    throw new ErrorException($text, 0, $level, $file, $line);
});
