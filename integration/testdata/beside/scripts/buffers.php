<?php
ob_start();
echo 'thrown away';
ob_end_clean();
ob_start(static fn($text) => strtoupper($text));
echo 'upper ';
ob_start();
echo 'nested ';
ob_end_flush();
ob_end_flush();
header('X-Late: still possible');
ob_start();
echo 'never closed';
