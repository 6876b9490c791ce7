package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	p, err := parse()
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("wrk makes the load; install it (apt install wrk): %w", err)
	}
	dir, err := os.MkdirTemp("", "php_worker-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if p.caddy == "" {
		p.caddy = filepath.Join(dir, "caddy")
		build := exec.CommandContext(ctx, "go", "run", "./cmd/build", "-o", p.caddy)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building Caddy (run this in the root of the repository): %w", err)
		}
	}
	e, err := newEnvironment(ctx, dir, p)
	if err != nil {
		return err
	}
	contestants, err := choose(e.contestants(), p.only)
	if err != nil {
		return err
	}
	if p.smoke {
		return e.smoke(ctx, contestants)
	}
	samples, err := e.measure(ctx, contestants)
	var large []scaled
	if p.scale && ctx.Err() == nil {
		var failed error
		large, failed = e.scale(ctx, contestants)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, e.report(samples, large, err == nil))
}

// choose keeps the contestants of these names; no names keep all.
func choose(all []contestant, names []string) ([]contestant, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []contestant
	for _, name := range names {
		i := slices.IndexFunc(all, func(c contestant) bool { return c.name == name })
		if i < 0 {
			var known []string
			for _, c := range all {
				known = append(known, c.name)
			}
			return nil, fmt.Errorf("no contestant %q here; there are: %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
