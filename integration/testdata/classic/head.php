<?php
// Answers with a head, and a body, of so many bytes.
header('X-Large: ' . str_repeat('h', (int) $_GET['size']));
echo str_repeat('x', (int) $_GET['n']);
