<?php
header('Content-Type: text/x-of-php');
header('X-Accel-Redirect: /internal/secret%20file.txt');
echo 'never sent';
