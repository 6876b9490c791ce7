<?php

// Prints 1 where PHP is thread-safe, else 0.
echo PHP_ZTS;
