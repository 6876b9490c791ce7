<?php
ini_set('zlib.output_compression', '1');
echo str_repeat('compress me ', 500);
