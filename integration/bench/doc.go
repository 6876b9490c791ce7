// Command bench compares php_worker with its peers on this machine.
//
//	make bench                                   # everything that is installed
//	go run ./integration/bench -apps hello -conns 64 -rounds 5
//
// All servers run the same applications (apps/), with the same number of PHP
// processes, on loopback. One round measures every server once, in random order,
// after a warm-up; the results are medians over the rounds, with the spread, so
// that a noisy machine hurts all alike. docs/benchmarks/README.md describes the
// method and how to read the results.
//
// Contestants: php_worker with its own loop; Caddy with php_fastcgi and php-fpm;
// nginx with php-fpm; Caddy's respond, the ceiling of any Caddy handler. More join
// when the environment names them:
//
//	BENCH_VENDOR       a folder with a Composer vendor folder of the RoadRunner
//	                   packages: php_worker with those
//	BENCH_BRIDGE       a folder with a Composer vendor folder of Symfony's PSR-7 bridge
//	RR_BIN             RoadRunner, with the packages of BENCH_VENDOR
//	RR_JSON_BIN        RoadRunner of 2023, which speaks JSON to its workers
//	RR_JSON_VENDOR     packages for RR_JSON_BIN; BENCH_VENDOR if not set
//	FRANKENPHP_BIN     FrankenPHP, in worker mode and in classic mode
//	FRANKENPHP_WORKERS its worker threads; by default as many as the others have
//	                   processes, or 1 if its PHP is not thread-safe
//
// To compare a change of ours, two contestants run in one interleaved run:
//
//	go run ./integration/bench -caddy ./new -against old=./old
//	go run ./integration/bench -worker-options "pipeline off"
package main
