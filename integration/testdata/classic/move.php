<?php
// Keeps an upload.
echo move_uploaded_file($_FILES['f']['tmp_name'], __DIR__ . '/uploads/' . $_FILES['f']['name']) ? 'kept' : 'refused';
