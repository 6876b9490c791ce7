<?php

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';
require 'Symfony/Bundle/FrameworkBundle/autoload.php';
require 'Symfony/Component/Runtime/autoload.php';
require __DIR__ . '/src/Kernel.php';
require __DIR__ . '/src/Pages.php';
require __DIR__ . '/src/Visits.php';
