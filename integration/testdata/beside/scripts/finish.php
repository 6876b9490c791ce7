<?php
$note = $_SERVER['DOCUMENT_ROOT'] . '/finished-' . $_GET['id'];
if (isset($_GET['look'])) {
    echo file_exists($note) ? file_get_contents($note) : 'not yet';
    exit;
}
echo 'answered ';
fastcgi_finish_request();
echo 'never sent';
file_put_contents($note . '.new', 'done after the answer, status ' . connection_status());
rename($note . '.new', $note);
