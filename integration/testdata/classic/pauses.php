<?php
// Says as much as it is asked for, in ten parts with pauses.
header('Content-Type: text/plain');
while (ob_get_level()) {
    ob_end_clean();
}
for ($i = 0; $i < 10; $i++) {
    echo str_repeat('x', intdiv((int) $_GET['size'], 10));
    flush();
    usleep(50_000);
}
