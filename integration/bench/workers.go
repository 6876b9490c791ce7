package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

const (
	manyWorkers = 200
	// workerMemory is what must be free for each worker, in MB.
	workerMemory = 30
)

// manyWorkers measures starting and serving with few workers and with many, in
// turn.
func (e *environment) manyWorkers(ctx context.Context, c contestant) ([][]string, error) {
	if free := available(); free > 0 && free < manyWorkers*workerMemory {
		return nil, fmt.Errorf("%d workers want %d MB of memory, %d are free", manyWorkers, manyWorkers*workerMemory, free)
	}
	counts := []int{2, manyWorkers}
	samples := make(map[int][]sample)
	starts := make(map[int][]float64)
	for range min(3, e.plan.rounds) {
		for _, n := range counts {
			m, took, err := e.withWorkers(ctx, c, n)
			if err != nil {
				return nil, fmt.Errorf("%d workers: %w", n, err)
			}
			samples[n] = append(samples[n], m)
			starts[n] = append(starts[n], took.Seconds())
		}
	}
	var rows [][]string
	for _, n := range counts {
		r := newResult(samples[n])
		rows = append(rows, []string{
			strconv.Itoa(n), number(median(starts[n])), mb(r.serverPSS), mb(r.phpPSS), fmt.Sprintf("%.0f", r.rate),
			fmt.Sprintf("%.0f–%.0f", r.lowest, r.highest), ms(r.p99), number(medianOf(samples[n], sample.cpu)),
		})
	}
	return rows, nil
}

// withWorkers starts n workers, which took so long, and measures hello.
func (e *environment) withWorkers(ctx context.Context, c contestant, n int) (m sample, took time.Duration, err error) {
	start := time.Now()
	s, err := e.start(ctx, c, launch{app: applications[0], ini: sameINI, workers: n})
	if err != nil {
		return m, 0, err
	}
	defer s.stop()
	for phps := 0; phps != n; {
		phps = 0
		for _, p := range s.processes() {
			if p.php {
				phps++
			}
		}
		if err := ctx.Err(); err != nil {
			return m, 0, err
		}
		if time.Since(start) > time.Minute {
			return m, 0, fmt.Errorf("%d PHP processes after a minute", phps)
		}
	}
	took = time.Since(start)
	if _, err := e.closed(ctx, s, 64, 1); err != nil {
		return m, 0, fmt.Errorf("warming up: %w%s", err, s.said())
	}
	m, err = s.observe(func() (sample, error) { return e.closed(ctx, s, 64, e.plan.seconds) })
	if err == nil && m.errors > 0 {
		err = fmt.Errorf("%d errors", m.errors)
	}
	fmt.Fprintf(os.Stderr, "%s %s with %d workers: %.0f req/s\n", time.Now().Format(time.TimeOnly), c.name, n, m.rate)
	return m, took, err
}
