<?php

// Step 1b: a script that neither ends nor asks for a request. The server gives it
// boot_timeout to do so, then ends it, and shows what it printed.

echo "Hello, I am connecting to a database that is not there...\n";

while (true) {
    sleep(3600);
}
