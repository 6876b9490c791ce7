<?php

declare(strict_types=1);

return [
    'driver' => 'file', 'lifetime' => 120, 'expire_on_close' => false, 'encrypt' => false, 'lottery' => [0, 100],
    'files' => storage_path('framework/sessions'), 'cookie' => 'example_session', 'path' => '/', 'domain' => null,
    'secure' => null, 'http_only' => true, 'same_site' => 'lax',
];
