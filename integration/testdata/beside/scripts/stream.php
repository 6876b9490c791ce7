<?php
header('Content-Type: text/plain');
for ($i = 0; $i < 5; $i++) {
    echo "piece $i\n", str_repeat('.', 10_000), "\n";
    flush();
    usleep(30_000);
}
