<?php
switch ($_GET['by']) {
    case 'code': http_response_code((int) $_GET['status']); break;
    case 'line': header('HTTP/1.1 ' . $_GET['status'] . ' Own Words'); break;
    case 'status': header('Status: ' . $_GET['status'] . ' Own Words'); break;
    case 'header': header('X-Any: 1', true, (int) $_GET['status']); break;
}
echo 'body of ' . $_GET['status'];
