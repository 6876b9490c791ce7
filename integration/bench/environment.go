package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/phpworker/caddy-php-worker/integration/peers"
)

// environment is where everything runs.
type environment struct {
	plan        plan
	dir         string // scratch
	public      string // the static files
	root        string // of the repository
	apps        string // the PHP files
	fpm, nginx  string // the programs, "" if there is none
	millisecond int    // rounds of work that take this PHP a millisecond of CPU
	launches    atomic.Int64
}

func newEnvironment(ctx context.Context, dir string, p plan) (*environment, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	e := &environment{plan: p, dir: dir, root: root, public: filepath.Join(dir, "public"), apps: filepath.Join(root, "integration", "bench", "apps")}
	if _, err := os.Stat(filepath.Join(e.apps, "app.php")); err != nil {
		return nil, fmt.Errorf("run this in the root of the repository: %w", err)
	}
	e.fpm, e.nginx = peers.FPMBinary(), peers.NginxBinary()
	if err := os.Mkdir(e.public, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(e.public, "static.txt"), []byte(greeting), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(e.loadScript(), []byte(loadScript), 0o644); err != nil {
		return nil, err
	}
	return e, e.calibrate(ctx)
}

// calibrate measures what a millisecond of work is, once for all: each server then
// does the same work, however often it is interrupted.
func (e *environment) calibrate(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "php", "-n", filepath.Join(e.apps, "calibrate.php")).Output()
	if err == nil {
		e.millisecond, err = strconv.Atoi(strings.TrimSpace(string(out)))
	}
	if err != nil {
		return fmt.Errorf("calibrating the work with php: %w", err)
	}
	return nil
}

// launch is one start of one contestant.
type launch struct {
	app     application
	ini     string
	workers int
	port    int
	dir     string      // scratch of its own
	env     [][2]string // what the application reads, besides what all get
	options string      // of php_worker, separated by semicolons
}

// settings are the php.ini settings to pass.
func (l launch) settings() [][2]string {
	if l.ini == ownINI {
		return nil
	}
	return sharedINI
}

const (
	sameINI = "same"
	ownINI  = "own"
)

// sharedINI is what every PHP gets, unless each is to have its own defaults.
var sharedINI = [][2]string{
	{"opcache.enable", "1"}, {"opcache.enable_cli", "1"}, {"opcache.validate_timestamps", "0"},
	{"opcache.jit", "tracing"}, {"opcache.jit_buffer_size", "32M"}, {"memory_limit", "256M"},
}

// variables are the environment of the application.
func (e *environment) variables(l launch) [][2]string {
	return append([][2]string{{"BENCH_APP", l.app.name}, {"BENCH_MILLISECOND", strconv.Itoa(e.millisecond)}, {"BENCH_VAR", filepath.Join(e.dir, "var")}}, l.env...)
}

// with adds the packages of a vendor folder to what PHP is told; "" adds none.
func (l launch) with(vendor string) launch {
	if vendor != "" {
		l.env = append(slices.Clip(l.env), [2]string{"BENCH_AUTOLOAD", autoload(vendor)})
	}
	return l
}

func (l launch) write(name, content string) (string, error) {
	path := filepath.Join(l.dir, name)
	return path, os.WriteFile(path, []byte(content), 0o644)
}
