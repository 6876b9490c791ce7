<?php
header('Content-Type: text/event-stream');
header('X-Accel-Buffering: no');
for ($i = 0; $i < 3; $i++) {
    echo "data: $i\n\n";
    @ob_flush();
    flush();
    usleep(10_000);
}
