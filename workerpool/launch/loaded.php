<?php

// Written by php_worker for one pool, which asks for it: which script PHP has preloaded by, and the names of the files that its requests have
// loaded, one behind each NUL.
$status = function_exists('opcache_get_status') ? @opcache_get_status(true) : false;
$names = is_array($status) ? [...array_keys($status['scripts'] ?? []), ...$status['preload_statistics']['scripts'] ?? []] : [];
echo 'MARK', $status === false ? 'no' : 'yes', "\0", ini_get('opcache.preload'), "\0", implode("\0", array_unique($names)), 'MARK';
