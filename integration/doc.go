// Package integration holds the tests that prove the promises: a real Caddy
// built from this module, real PHP, real sockets, real processes and signals.
// There is no other code in it.
//
// TestMain builds Caddy once. Each test writes a Caddyfile, starts that binary
// on free loopback ports with a storage of its own, and leaves no process
// behind: the end of a test checks that.
//
// PHP_VENDOR may name folders (separated by the system's list separator) that
// each hold a Composer vendor folder with spiral/roadrunner-worker,
// spiral/roadrunner-http and nyholm/psr7: then the tests of the HTTP mapping run
// through those unmodified packages as well, and so does TestTraffic, which judges
// every answer and every execution of a long random load under faults.
//
// The tests in beside_*_test.go run nginx with php-fpm beside classic mode, on the same
// scripts, and compare what each of them answers: only what their lists of excuses say may
// differ, and docs/classic.md has it in a table.
package integration
