// Command bench compares php_worker with its peers on this machine.
//
//	make bench                                   # everything that is installed
//	go run ./integration/bench -apps hello -conns 64 -rounds 5
//
// All servers run the same applications (apps/), with the same number of PHP
// processes and the same php.ini settings, on loopback. One round measures every
// server once, in random order, after a warm-up; the results are medians over the
// rounds, with the spread, so that a noisy machine hurts all alike. wrk makes the
// load.
//
// Contestants: php_worker with its own loop; Caddy with php_fastcgi and php-fpm;
// nginx with php-fpm; Caddy's respond, the ceiling of any Caddy handler. With
// BENCH_VENDOR, a folder with a Composer vendor folder of the RoadRunner
// packages: php_worker with those. With RR_BIN: RoadRunner with the same. With
// FRANKENPHP_BIN: FrankenPHP's worker mode.
//
// The numbers of one machine and one day say something about each other, and
// nothing else.
package main
