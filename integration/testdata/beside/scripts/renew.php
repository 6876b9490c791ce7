<?php
session_start();
session_regenerate_id(true);
echo 'Still visit ' . $_SESSION['visits'];
