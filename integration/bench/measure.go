package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// load is what a server is put under: so many connections as fast as they go, or
// a constant rate.
type load struct {
	conns int
	rate  int // requests per second; 0: as fast as conns go
}

func (l load) String() string {
	if l.rate > 0 {
		return fmt.Sprintf("%d/s", l.rate)
	}
	return fmt.Sprintf("c=%d", l.conns)
}

// sample is one measurement.
type sample struct {
	ini, app, contestant string
	load                 load
	round                int
	requests             int     // answered
	rate                 float64 // requests per second
	p50, p99, p999, max  time.Duration
	late                 time.Duration // p99 of how late the load generator was itself
	errors, missed       int
	serverCPU, phpCPU    float64 // seconds per 10,000 requests
	serverPSS, phpPSS    float64 // MB; phpPSS each
	clientCPU            float64 // seconds
	steal, foreign       float64 // share of all CPUs taken by the hypervisor, and by others here
}

// cpu is the total CPU time per 10,000 requests, in seconds.
func (s sample) cpu() float64 { return s.serverCPU + s.phpCPU }

// measure runs everything that the plan says. What fails is left out and told in
// the error; the rest is measured all the same.
func (e *environment) measure(ctx context.Context, contestants []contestant) ([]sample, error) {
	var samples []sample
	var failed []error
	for _, ini := range e.plan.inis {
		for _, app := range e.plan.apps {
			for round := range e.plan.rounds {
				for _, i := range rand.Perm(len(contestants)) {
					c := contestants[i]
					if !c.runs(app) {
						continue
					}
					some, err := e.measureOne(ctx, c, launch{app: app, ini: ini, workers: e.plan.workers}, round+1)
					samples = append(samples, some...)
					if ctx.Err() != nil {
						return samples, ctx.Err()
					}
					if err != nil {
						err = fmt.Errorf("%s, %s: %w", c.name, app.name, err)
						fmt.Fprintln(os.Stderr, err)
						failed = append(failed, err)
					}
				}
			}
		}
	}
	return samples, errors.Join(failed...)
}

// measureOne starts a server anew, so that none profits from a lucky start, and
// puts it under every load.
func (e *environment) measureOne(ctx context.Context, c contestant, l launch, round int) ([]sample, error) {
	s, err := e.start(ctx, c, l)
	if err != nil && ctx.Err() == nil {
		// FrankenPHP answers its first request now and then by a thread that is no worker.
		fmt.Fprintf(os.Stderr, "%s, %s: starting once more: %v\n", c.name, l.app.name, err)
		s, err = e.start(ctx, c, l)
	}
	if err != nil {
		return nil, fmt.Errorf("starting: %w", err)
	}
	defer s.stop()
	var samples []sample
	add := func(warm, run func() (sample, error)) error {
		if _, err := warm(); err != nil {
			return fmt.Errorf("warming up: %w%s", err, s.said())
		}
		// Behind what the clients of the warm-up asked for and did not wait for.
		if err := s.check(); err != nil {
			return fmt.Errorf("after warming up: %w%s", err, s.said())
		}
		m, err := s.undisturbed(run, e.plan.calm)
		if err != nil {
			return fmt.Errorf("measuring: %w%s", err, s.said())
		}
		m.ini, m.app, m.contestant, m.round = l.ini, l.app.name, c.name, round
		samples = append(samples, m)
		fmt.Fprintf(os.Stderr, "%s %s %d/%d %-24s %-6s %-7s %7.0f req/s  p99 %8s ms  CPU %5.2f s/10k  errors %d  steal %2.0f %%  foreign %2.0f %%\n",
			time.Now().Format(time.TimeOnly), l.ini, round, e.plan.rounds, c.name, l.app.name, m.load, m.rate, ms(m.p99), m.cpu(), m.errors, 100*m.steal, 100*m.foreign)
		return nil
	}
	for _, n := range e.plan.connections(l.app, l.ini) {
		closed := func(seconds int) func() (sample, error) {
			return func() (sample, error) { return e.closed(ctx, s, n, seconds) }
		}
		if err := add(closed(1), closed(e.plan.seconds)); err != nil {
			return samples, err
		}
	}
	for _, rate := range e.plan.constantRates(l.app, l.ini) {
		open := func(seconds int) func() (sample, error) {
			return func() (sample, error) { return e.open(ctx, s, rate, seconds) }
		}
		if err := add(open(1), open(e.plan.rateSeconds)); err != nil {
			return samples, err
		}
	}
	return samples, nil
}

// tries is how often a measurement is made at most.
const tries = 3

// undisturbed repeats a measurement while others take more than this share of the
// CPUs, and keeps the one they took least from.
func (s *server) undisturbed(run func() (sample, error), calm float64) (best sample, err error) {
	for try := range tries {
		m, err := s.observe(run)
		if err != nil {
			return m, err
		}
		m.errors += best.errors // none is forgotten
		if try == 0 || m.steal+m.foreign < best.steal+best.foreign {
			best = m
		} else {
			best.errors = m.errors
		}
		if best.steal+best.foreign <= calm {
			break
		}
	}
	return best, nil
}

// observe adds to a measurement what it cost, and what else the machine did.
func (s *server) observe(run func() (sample, error)) (sample, error) {
	machineBefore := readMachine()
	server, php := s.cpu()
	m, err := run()
	if err != nil {
		return m, err
	}
	serverAfter, phpAfter := s.cpu()
	machineAfter := readMachine()
	m.serverCPU, m.phpCPU = serverAfter-server, phpAfter-php
	if total := machineAfter.total - machineBefore.total; total > 0 {
		m.steal = (machineAfter.steal - machineBefore.steal) / total
		known := m.serverCPU + m.phpCPU + m.clientCPU
		m.foreign = max(0, machineAfter.busy-machineBefore.busy-known) / total
	}
	per := float64(m.requests) / 10_000
	m.serverCPU /= per
	m.phpCPU /= per
	m.serverPSS, m.phpPSS = s.memory()
	return m, nil
}
