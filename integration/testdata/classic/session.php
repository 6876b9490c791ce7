<?php
session_save_path(__DIR__ . '/sessions');
session_start();
echo $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
