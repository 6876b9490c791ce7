#!/bin/sh
# Starts PHP and stays: not replaced by it, as "exec" would do.
php "$@"
status=$?
exit "$status"
