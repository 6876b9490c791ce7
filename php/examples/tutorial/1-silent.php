<?php

// Step 1: an ordinary script. It prints, it ends, and it never asks for a request:
// the server says so, and shows what it printed.

echo "Hello, I am an ordinary PHP script.\n";
