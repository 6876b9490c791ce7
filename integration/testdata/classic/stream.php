<?php
// Sends a part, and then what comes through the gate.
header('Content-Type: text/event-stream');
while (ob_get_level()) {
    ob_end_clean();
}
echo "first\n";
flush();
echo trim(fgets(fopen($_GET['gate'], 'r')));
