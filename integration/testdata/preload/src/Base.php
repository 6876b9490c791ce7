<?php

declare(strict_types=1);

namespace App;

use Countable;
use Closure as Anything;

class_exists(Text::class);

#[\AllowDynamicProperties]
abstract class Base implements Countable
{
    private static int $n = 0;

    public function count(): int
    {
        return ++self::$n;
    }
}
