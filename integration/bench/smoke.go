package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// smoke asks: does the harness still run, and does every contestant answer every
// application rightly? It measures nothing: several run at once.
func (e *environment) smoke(ctx context.Context, contestants []contestant) error {
	const atOnce = 3
	var (
		start  = time.Now()
		slots  = make(chan struct{}, atOnce)
		all    sync.WaitGroup
		mu     sync.Mutex
		passed int
		failed int
	)
	for _, c := range contestants {
		for _, app := range e.plan.apps {
			if !c.runs(app) {
				continue
			}
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				err := e.try(ctx, c, app)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					passed++
					return
				}
				failed++
				fmt.Fprintf(os.Stderr, "FAIL %s, %s: %v\n", c.name, app.name, err)
			})
		}
	}
	all.Wait()
	fmt.Printf("bench: %d contestants, %d passed, %d failed in %.0f s\n", len(contestants), passed, failed, time.Since(start).Seconds())
	if failed > 0 {
		return fmt.Errorf("%d of %d failed", failed, passed+failed)
	}
	return ctx.Err()
}

// try starts a server, which checks its answer, and puts hello under a second of
// each kind of load.
func (e *environment) try(ctx context.Context, c contestant, app application) error {
	s, err := e.start(ctx, c, launch{app: app, ini: sameINI, workers: e.plan.workers})
	if err != nil {
		return err
	}
	defer s.stop()
	if app.name != "hello" {
		return nil
	}
	for _, run := range []func() (sample, error){
		func() (sample, error) { return e.closed(ctx, s, 8, 1) },
		func() (sample, error) { return e.open(ctx, s, 100, 1) },
	} {
		m, err := run()
		if err == nil && m.errors > 0 {
			err = fmt.Errorf("%d errors at %s, %d answers", m.errors, m.load, m.requests)
		}
		if err != nil {
			return fmt.Errorf("%w%s", err, s.said())
		}
	}
	return nil
}
