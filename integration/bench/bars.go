package main

import "strings"

// bar is what we want to reach against a peer, with so many connections.
type bar struct {
	app, ours, peer string
	conns           int
	rate            float64 // requests per second, at least so many times the peer's
	cpu             float64 // CPU per request, at most so many times the peer's; 0: none
}

const (
	ownLoop    = "php_worker"
	rrPackages = "php_worker+rr-packages"
)

// bars are those of the project's goal: medians of one run, 2 workers. Those of a
// peer without PSR-7 objects hold for the same peer with them, too.
var bars = []bar{
	{"hello", rrPackages, "roadrunner", 64, 2.0, 0.6},
	{"hello", rrPackages, "roadrunner json", 64, 1.4, 0.8},
	{"hello", rrPackages, "frankenphp", 64, 1.0, 1.2},
	{"hello", rrPackages, "nginx+php-fpm", 64, 2.5, 0.6},
	{"hello", rrPackages, ceiling, 64, 0.5, 0},
	{"hello", ownLoop, "frankenphp", 64, 1.4, 0},
	{"hello", ownLoop, tightLoop, 64, 0.8, 0},
	{"boot", rrPackages, "nginx+php-fpm", 64, 8, 0.2},
	{"out", rrPackages, "nginx+php-fpm", 8, 1.2, 0.8},
	{"out", rrPackages, "frankenphp", 8, 1.0, 0},
	{"in", rrPackages, "nginx+php-fpm", 8, 1.0, 1.0},
	{"in", rrPackages, "roadrunner", 8, 3.5, 0},
	{"symfony", ownLoop, bridged, 64, 1.0, 0.7},
	{"symfony", frankenLoop, frankenWorker, 64, 0, 1.2},
	{"laravel", frankenLoop, frankenWorker, 64, 0, 1.2},
	{"hello", classicMode, "nginx+php-fpm", 64, 0, 1.15},
	{"hello", classicMode, "caddy+php-fpm", 64, 0, 0.5},
	{"symfony", classicMode, "nginx+php-fpm", 64, 0, 1.0},
	{"laravel", classicMode, "nginx+php-fpm", 64, 0, 1.0},
	{wordpress, classicMode, "nginx+php-fpm", 8, 0, 1.0},
	{"out", classicMode, "nginx+php-fpm", 8, 0, 1.0},
	{"in", classicMode, "nginx+php-fpm", 8, 0, 1.0},
}

// worstP99 is the bar of every application that PHP answers, with 64 connections,
// against every peer that runs PHP.
const worstP99 = 1.0

func findBar(app string, l load, ours, peer string) (b bar) {
	for _, b := range bars {
		if b.app == app && b.ours == ours && b.peer == strings.TrimSuffix(peer, " psr-7") && b.conns == l.conns {
			return b
		}
	}
	return bar{}
}

func p99Bar(app string, l load, peer string) float64 {
	if l.conns == 64 && app != "static" && peer != ceiling && peer != tightLoop {
		return worstP99
	}
	return 0
}
