<?php

namespace App;

/** A { brace in a comment, and one in a string that has another one for a variable. */
final class Text extends Base
{
    const VERSION = 'VERSION';

    public function braces(string $x): string
    {
        return "$x{" . "{$x}{" . '}';
    }
}
