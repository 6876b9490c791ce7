<?php
// Answers as the query says.
http_response_code((int) ($_GET['status'] ?? 200));
foreach ((array) ($_GET['header'] ?? []) as $line) {
    header($line, false);
}
echo str_repeat($_GET['text'] ?? '', (int) ($_GET['times'] ?? 1));
