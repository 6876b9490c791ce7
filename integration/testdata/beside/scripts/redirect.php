<?php
header('Location: /elsewhere.php?q=1#f', true, (int) ($_GET['status'] ?? 302));
echo 'moved';
exit;
