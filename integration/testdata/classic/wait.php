<?php
// Says that it waits, and goes on with what comes through the gate.
error_log('waiting in ' . getmypid());
echo trim(fgets(fopen($_GET['gate'], 'r')));
