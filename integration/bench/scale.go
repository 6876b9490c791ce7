package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// scaled is one line of the tables of large numbers.
type scaled struct {
	test, contestant string
	values           []string // as the columns of the test say
}

// scaleTests are the large numbers: how we grow, not how fast we are.
var scaleTests = []struct {
	name, about string
	columns     []string
	run         func(*environment, context.Context, contestant) ([][]string, error)
	includes    func(contestant) bool
}{
	{
		"idle connections", "Keep-alive connections, each of which has been answered once. Memory of the server; the kernel's is not in it.",
		[]string{"connections", "server PSS MB before", "with them", "KB per connection", "s to connect"},
		(*environment).idleConnections, func(c contestant) bool { return c.ours && !c.anyFolder || c.name == ceiling },
	},
	{
		"waiting requests", "One worker that is busy, and requests that wait for it, each on a connection that was there before.",
		[]string{"waiting", "server PSS MB before", "with them", "KB per request", "answered", "ms until all were"},
		(*environment).waitingRequests, func(c contestant) bool { return c.ours && !c.anyFolder },
	},
	{
		"PHP processes", "hello in 8 PHP processes: proportional share of memory (PSS) of all of them together, their parent included, when they have come to rest and right after 64 connections.",
		[]string{"processes", "PHP PSS MB idle", "PHP PSS MB busy", "server PSS MB idle", "server PSS MB busy"},
		(*environment).phpMemory, func(c contestant) bool { return c.anyFolder },
	},
	{
		"workers", "hello with 64 connections, for few workers and for many: giving a request to a worker must not cost more when there are more.",
		[]string{"workers", "s to start", "server PSS MB", "PHP PSS MB each", "req/s", "min–max", "p99 ms", "CPU s/10k"},
		(*environment).manyWorkers, func(c contestant) bool { return c.ours && !c.anyFolder },
	},
}

// scale runs the tests of large numbers. What fails is left out and told in the
// error.
func (e *environment) scale(ctx context.Context, contestants []contestant) ([]scaled, error) {
	var lines []scaled
	var failed []error
	for _, test := range scaleTests {
		for _, c := range contestants {
			if !test.includes(c) {
				continue
			}
			rows, err := test.run(e, ctx, c)
			if err != nil {
				failed = append(failed, fmt.Errorf("%s, %s: %w", c.name, test.name, err))
			}
			for _, values := range rows {
				fmt.Fprintf(os.Stderr, "%s %s, %s: %s\n", time.Now().Format(time.TimeOnly), c.name, test.name, strings.Join(values, ", "))
				lines = append(lines, scaled{test.name, c.name, values})
			}
			if ctx.Err() != nil {
				return lines, ctx.Err()
			}
		}
	}
	return lines, errors.Join(failed...)
}

// crowd is many connections to one server.
type crowd []connection

// each calls exchange on every connection, at most atOnce at a time, and returns
// the number of failures and one of them.
func (c crowd) each(request []byte, atOnce int, done *atomic.Int64) (failures int, example error) {
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, atOnce)
	)
	for i := range c {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			err := c[i].exchange(request, time.Now().Add(time.Minute))
			done.Add(1)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures++
				example = err
			}
		})
	}
	all.Wait()
	return failures, example
}

func (c crowd) close() {
	for i := range c {
		c[i].close()
	}
}

// gather opens n connections and has each answered once.
func gather(s *server, n int) (crowd, error) {
	c := make(crowd, n)
	for i := range c {
		c[i] = connection{address: s.address, app: s.app}
	}
	var done atomic.Int64
	if failures, err := c.each(s.app.request("/"), 64, &done); failures > 0 {
		c.close()
		return nil, fmt.Errorf("%d of %d connections failed, one with: %w", failures, n, err)
	}
	return c, nil
}

// settle lets a server come to rest before its memory is read.
func settle(ctx context.Context) error {
	select {
	case <-time.After(2 * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
