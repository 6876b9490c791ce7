<?php
echo json_encode([$_SERVER['REQUEST_METHOD'], $_GET, $_POST, file_get_contents('php://input'), $_SERVER['CONTENT_TYPE'] ?? null, $_SERVER['CONTENT_LENGTH'] ?? null]);
