<?php

namespace App;

class Choice
{
    const NAME = 'A';
}
