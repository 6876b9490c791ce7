<?php

namespace App;

class Blend
{
    const NAME = 'blend';
}

function blend(): void
{
}
