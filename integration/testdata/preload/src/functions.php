<?php

if (!function_exists('bare')) {
    function bare(): void
    {
    }
}
