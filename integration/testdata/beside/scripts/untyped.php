<?php
header_remove('Content-Type');
ini_set('default_mimetype', '');
echo 'no type';
