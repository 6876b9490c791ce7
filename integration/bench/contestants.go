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
	// anyFolder says that it serves any folder with an index.php.
	anyFolder bool
}

func (c contestant) runs(a application) bool {
	return (a.folder == "" || c.anyFolder) && !strings.Contains(" "+c.without+" ", " "+a.name+" ")
}

const (
	// ceiling is what any Caddy handler can reach at most.
	ceiling = "caddy respond"
	// tightLoop is what a PHP that does nothing reaches behind php_worker.
	tightLoop = "php_worker tight loop"
	// classicMode is php_worker without a script.
	classicMode = "php_worker classic"
	// bridged is our own loop with PSR-7 objects and Symfony's bridge between it and Symfony.
	bridged = "php_worker+psr-7 bridge"
	// frankenLoop is a script of FrankenPHP on php_worker, and frontController one of PHP-FPM in our package.
	frankenLoop     = "php_worker frankenphp loop"
	frontController = "php_worker superglobals"
	// frankenWorker and frankenClassic are FrankenPHP with that script, and without any.
	frankenWorker  = "frankenphp"
	frankenClassic = "frankenphp classic"
	// ownScript is the script of our own PHP package.
	ownScript = "own.php"
	// notPSR7 are the applications where PSR-7 objects make no difference worth
	// the time.
	notPSR7 = "wait mix static" + frameworks
	// frameworks are the applications that run on a framework from Debian.
	frameworks = " symfony laravel"
	// notBridge are the applications without HttpFoundation that could be bridged.
	notBridge = "hello boot out in wait mix static laravel"
)

// contestants are those whose programs are here.
func (e *environment) contestants() []contestant {
	list := e.ours()
	for _, s := range [][2]string{{frankenLoop, "franken.php"}, {frontController, "front.php"}} {
		list = append(list, contestant{name: s[0], without: "wait mix static", commands: phpWorker(e.plan.caddy, s[1], filepath.Join(e.root, "php", "autoload.php"), "")})
	}
	list = append(list, contestant{
		name: tightLoop, without: "boot out in wait mix static" + frameworks,
		commands: phpWorker(e.plan.caddy, "tight.php", filepath.Join(e.root, "php", "autoload.php"), ""),
	})
	list = append(list, contestant{name: ceiling, commands: caddyRespond, without: "boot out in wait mix static" + frameworks})
	if bridge := os.Getenv("BENCH_BRIDGE"); bridge != "" {
		list = append(list, contestant{name: bridged, without: notBridge, commands: phpWorker(e.plan.caddy, "bridge.php", filepath.Join(e.root, "php", "autoload.php"), "env BENCH_BRIDGE "+autoload(bridge))})
	}
	vendor := os.Getenv("BENCH_VENDOR")
	if e.fpm != "" {
		list = append(list, contestant{name: "caddy+php-fpm", commands: caddyFPM, anyFolder: true})
	}
	if e.fpm != "" && e.nginx != "" {
		list = append(list, contestant{name: "nginx+php-fpm", commands: nginxFPM("index.php", ""), anyFolder: true})
		if vendor != "" {
			list = append(list, contestant{name: "nginx+php-fpm psr-7", commands: nginxFPM("index-psr.php", vendor), without: notPSR7})
		}
	}
	if bin := os.Getenv("RR_BIN"); bin != "" && vendor != "" {
		list = append(list, contestant{name: "roadrunner", commands: roadRunner(bin, vendor), without: "static" + frameworks})
	}
	if json := os.Getenv("RR_JSON_VENDOR"); json != "" {
		vendor = json
	}
	if bin := os.Getenv("RR_JSON_BIN"); bin != "" && vendor != "" {
		list = append(list, contestant{name: "roadrunner json", commands: roadRunner(bin, vendor), without: "static" + frameworks})
	}
	if bin := os.Getenv("FRANKENPHP_BIN"); bin != "" {
		list = append(list, contestant{name: frankenWorker, commands: frankenPHP(bin, "franken.php", "")})
		list = append(list, contestant{name: frankenClassic, commands: frankenPHPClassic(bin), without: "static"})
		if vendor != "" {
			list = append(list, contestant{name: "frankenphp psr-7", commands: frankenPHP(bin, "franken-psr.php", vendor), without: notPSR7})
		}
	}
	return list
}

// ours are the contestants of this repository: its own loop, the RoadRunner
// packages where they are, classic mode, each again with every set of options and with every
// other build to compare with.
func (e *environment) ours() []contestant {
	scripts := []struct{ name, script, autoload string }{
		{"php_worker", ownScript, filepath.Join(e.root, "php", "autoload.php")},
	}
	if vendor := os.Getenv("BENCH_VENDOR"); vendor != "" {
		scripts = append(scripts, struct{ name, script, autoload string }{"php_worker+rr-packages", "psr.php", autoload(vendor)})
	}
	var list []contestant
	for _, s := range scripts {
		without := ""
		if s.script != ownScript {
			without = frameworks
		}
		list = append(list, contestant{name: s.name, ours: true, without: without, commands: phpWorker(e.plan.caddy, s.script, s.autoload, "")})
		for _, options := range e.plan.options {
			list = append(list, contestant{
				name: s.name + " (" + options + ")", ours: true, without: without, commands: phpWorker(e.plan.caddy, s.script, s.autoload, options),
			})
		}
		for _, b := range e.plan.against {
			php := s.autoload
			if b.php != "" && s.script == ownScript {
				php = filepath.Join(b.php, "autoload.php")
			}
			list = append(list, contestant{
				name: s.name + " (" + b.name + ")", ours: true, without: without, commands: phpWorker(b.binary, s.script, php, ""),
			})
		}
	}
	return append(list, e.classic()...)
}

// classic are php_worker without a script, as it is, with every set of options and of every
// other build.
func (e *environment) classic() (list []contestant) {
	add := func(name, binary, options string) {
		list = append(list, contestant{name: name, ours: true, anyFolder: true, without: "static", commands: phpClassic(binary, options)})
	}
	add(classicMode, e.plan.caddy, "")
	for _, options := range e.plan.options {
		add(classicMode+" ("+options+")", e.plan.caddy, options)
	}
	for _, b := range e.plan.against {
		add(classicMode+" ("+b.name+")", b.binary, "")
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
