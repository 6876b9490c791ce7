package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	idleConns = 10_000
	waiters   = 2_000
)

// perKB is by how much memory, in MB, has grown for each of n, in KB.
func perKB(before, after float64, n int) string {
	return fmt.Sprintf("%.1f", (after-before)*1024/float64(n))
}

func mb(f float64) string { return fmt.Sprintf("%.1f", f) }

// idleConnections measures the memory of connections that do nothing.
func (e *environment) idleConnections(ctx context.Context, c contestant) ([][]string, error) {
	if err := allowFiles(idleConns + 500); err != nil {
		return nil, err
	}
	s, err := e.start(ctx, c, launch{app: applications[0], ini: sameINI, workers: e.plan.workers})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	// As many requests on few connections first: what those leave behind is not
	// the memory of connections.
	if _, err := e.closed(ctx, s, 64, 2); err != nil {
		return nil, err
	}
	if err := settle(ctx); err != nil {
		return nil, err
	}
	before, _ := s.memory()
	start := time.Now()
	crowd, err := gather(s, idleConns)
	if err != nil {
		return nil, err
	}
	defer crowd.close()
	took := time.Since(start)
	if err := settle(ctx); err != nil {
		return nil, err
	}
	after, _ := s.memory()
	return [][]string{{strconv.Itoa(idleConns), mb(before), mb(after), perKB(before, after, idleConns), number(took.Seconds())}}, nil
}

// waitingRequests measures the memory of requests in the queue of a busy worker,
// and that each is answered in the end.
func (e *environment) waitingRequests(ctx context.Context, c contestant) ([][]string, error) {
	if err := allowFiles(waiters + 500); err != nil {
		return nil, err
	}
	gate := filepath.Join(e.dir, "gate") // while this file is there, the worker answers
	open := func() error { return os.WriteFile(gate, nil, 0o644) }
	if err := open(); err != nil {
		return nil, err
	}
	s, err := e.start(ctx, c, launch{
		app: application{name: "gate", answer: greeting}, ini: sameINI, workers: 1,
		env: [][2]string{{"BENCH_GATE", gate}}, options: "queue 3000 60s",
	})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	crowd, err := gather(s, waiters)
	if err != nil {
		return nil, err
	}
	defer crowd.close()
	if err := settle(ctx); err != nil {
		return nil, err
	}
	before, _ := s.memory()
	if err := os.Remove(gate); err != nil {
		return nil, err
	}
	var answered atomic.Int64
	failures, finished := 0, make(chan error, 1)
	go func() {
		var err error
		failures, err = crowd.each(s.app.request("/"), waiters, &answered)
		finished <- err
	}()
	err = settle(ctx)
	after, _ := s.memory()
	early := answered.Load()
	start := time.Now()
	if openErr := open(); err == nil {
		err = openErr
	}
	example := <-finished
	took := time.Since(start)
	switch {
	case err != nil:
		return nil, err
	case early > 0 && failures == 0:
		return nil, fmt.Errorf("%d requests did not wait", early)
	case failures > 0:
		return nil, fmt.Errorf("%d of %d waiting requests failed, one with: %w", failures, waiters, example)
	}
	return [][]string{{strconv.Itoa(waiters), mb(before), mb(after), perKB(before, after, waiters), strconv.Itoa(waiters), fmt.Sprint(took.Milliseconds())}}, nil
}
