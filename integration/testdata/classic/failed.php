<?php
// The page for an error.
http_response_code((int) ($_GET['code'] ?? 500));
echo 'page for ', $_GET['code'] ?? '-', ' of ', $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['REQUEST_URI'];
