<?php

class Bare
{
    const NAME = 'bare';
}
