<?php
header('X-One: 1');
header('X-One: 2');
header('X-Two: 1');
header('X-Two: 2', false);
header('X-Gone: 1');
header_remove('X-Gone');
header('Content-Type: text/plain; charset=iso-8859-1');
header('X-Empty:');
header("X-High: \xe9\xff");
header('x-lower: case');
header('Cache-Control: private, max-age=5');
header('ETag: "of PHP"');
header('Last-Modified: Sat, 29 Oct 1994 19:43:31 GMT');
header('Link: </a.css>; rel=preload');
header('Vary: Cookie');
header('X-Accel-Expires: 10');
header_register_callback(static function () { header('X-Callback: called'); });
echo "caf\xe9";
