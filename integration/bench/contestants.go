package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// contestant is a server that can be started.
type contestant struct {
	name string
	// commands writes the configuration and returns the commands to run, the
	// server first.
	commands func(e *environment, l launch) ([]*exec.Cmd, error)
	// ours is php_worker in any form.
	ours bool
	// without are the applications it does not run.
	without string
}

func (c contestant) runs(a application) bool {
	return !strings.Contains(" "+c.without+" ", " "+a.name+" ")
}

const (
	// ceiling is what any Caddy handler can reach at most.
	ceiling = "caddy respond"
	// tightLoop is what a PHP that does nothing reaches behind php_worker.
	tightLoop = "php_worker tight loop"
	// notPSR7 are the applications where PSR-7 objects make no difference worth
	// the time.
	notPSR7 = "wait mix static"
)

// contestants are those whose programs are here.
func (e *environment) contestants() []contestant {
	list := e.ours()
	list = append(list, contestant{
		name: tightLoop, without: "boot out in wait mix static",
		commands: phpWorker(e.plan.caddy, "tight.php", filepath.Join(e.root, "php", "autoload.php"), ""),
	})
	list = append(list, contestant{name: ceiling, commands: caddyRespond, without: "boot out in wait mix static"})
	vendor := os.Getenv("BENCH_VENDOR")
	if e.fpm != "" {
		list = append(list, contestant{name: "caddy+php-fpm", commands: caddyFPM})
	}
	if e.fpm != "" && e.nginx != "" {
		list = append(list, contestant{name: "nginx+php-fpm", commands: nginxFPM("index.php", "")})
		if vendor != "" {
			list = append(list, contestant{name: "nginx+php-fpm psr-7", commands: nginxFPM("index-psr.php", vendor), without: notPSR7})
		}
	}
	if bin := os.Getenv("RR_BIN"); bin != "" && vendor != "" {
		list = append(list, contestant{name: "roadrunner", commands: roadRunner(bin, vendor), without: "static"})
	}
	if json := os.Getenv("RR_JSON_VENDOR"); json != "" {
		vendor = json
	}
	if bin := os.Getenv("RR_JSON_BIN"); bin != "" && vendor != "" {
		list = append(list, contestant{name: "roadrunner json", commands: roadRunner(bin, vendor), without: "static"})
	}
	if bin := os.Getenv("FRANKENPHP_BIN"); bin != "" {
		list = append(list, contestant{name: "frankenphp", commands: frankenPHP(bin, "franken.php", "")})
		if vendor != "" {
			list = append(list, contestant{name: "frankenphp psr-7", commands: frankenPHP(bin, "franken-psr.php", vendor), without: notPSR7})
		}
	}
	return list
}

// ours are the contestants of this repository: its own loop, the RoadRunner
// packages where they are, each again with every set of options and with every
// other build to compare with.
func (e *environment) ours() []contestant {
	scripts := []struct{ name, script, autoload string }{
		{"php_worker", "own.php", filepath.Join(e.root, "php", "autoload.php")},
	}
	if vendor := os.Getenv("BENCH_VENDOR"); vendor != "" {
		scripts = append(scripts, struct{ name, script, autoload string }{"php_worker+rr-packages", "psr.php", autoload(vendor)})
	}
	var list []contestant
	for _, s := range scripts {
		list = append(list, contestant{name: s.name, ours: true, commands: phpWorker(e.plan.caddy, s.script, s.autoload, "")})
		for _, options := range e.plan.options {
			list = append(list, contestant{
				name: s.name + " (" + options + ")", ours: true, commands: phpWorker(e.plan.caddy, s.script, s.autoload, options),
			})
		}
		for _, b := range e.plan.against {
			list = append(list, contestant{
				name: s.name + " (" + b.name + ")", ours: true, commands: phpWorker(b.binary, s.script, s.autoload, ""),
			})
		}
	}
	return list
}

// autoload is an absolute path: not every server starts PHP in our folder.
func autoload(vendor string) string {
	path := filepath.Join(vendor, "vendor", "autoload.php")
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}
