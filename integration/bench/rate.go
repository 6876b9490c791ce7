package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// rateConns bounds the connections of a constant-rate run.
const rateConns = 64

// open measures at a constant rate: request n is due n/rate seconds after the
// start, whether or not the ones before it were answered. Its latency counts from
// when it was due, so a server that stalls is charged for all who had to wait,
// also for those that found no free connection. Requests that were still not sent
// at the end are missed.
func (e *environment) open(ctx context.Context, s *server, rate, seconds int) (sample, error) {
	var (
		requests = [2][]byte{s.app.request("/" + s.app.path), s.app.request("/slow")}
		total    = rate * seconds
		due      = make(chan time.Duration, total) // all fit: to hand over never blocks
		clients  = make([]client, rateConns)
		running  sync.WaitGroup
	)
	for i := range clients {
		clients[i].connection = connection{address: s.address, app: s.app}
		if err := clients[i].connect(time.Now().Add(10 * time.Second)); err != nil {
			return sample{}, fmt.Errorf("connecting: %w", err)
		}
		defer clients[i].close()
	}
	cpu := ownCPU()
	start := time.Now()
	end := start.Add(time.Duration(seconds) * time.Second)
	for i := range clients {
		running.Go(func() { clients[i].serve(start, end, due, requests, rate, s.app.slowEvery) })
	}
	sleep, done := pacer()
	defer done()
	var late []time.Duration
	for n := range total {
		at := time.Duration(n) * time.Second / time.Duration(rate)
		for ctx.Err() == nil && time.Since(start) < at {
			sleep(at - time.Since(start))
		}
		if ctx.Err() != nil {
			break
		}
		late = append(late, time.Since(start)-at)
		due <- at
	}
	close(due)
	running.Wait()
	m := sample{load: load{rate: rate}, clientCPU: ownCPU() - cpu}
	var latencies []time.Duration
	for i := range clients {
		latencies = append(latencies, clients[i].latencies...)
		m.errors += clients[i].errors
		m.missed += clients[i].missed
	}
	if ctx.Err() != nil {
		return m, ctx.Err()
	}
	if len(latencies) == 0 {
		return m, fmt.Errorf("no request was answered: %d errors, %d missed", m.errors, m.missed)
	}
	slices.Sort(latencies)
	slices.Sort(late)
	m.requests = len(latencies)
	m.rate = float64(m.requests) / time.Since(start).Seconds()
	m.p50, m.p99, m.p999, m.max = percentile(latencies, 50), percentile(latencies, 99), percentile(latencies, 99.9), latencies[len(latencies)-1]
	m.late = percentile(late, 99)
	return m, nil
}

// client is one connection of a constant-rate run and what it saw.
type client struct {
	connection
	latencies      []time.Duration
	errors, missed int
}

// serve sends what is due until there is no more. What is taken after the end is
// missed; what was sent before it gets 30 s to be answered.
func (c *client) serve(start, end time.Time, due <-chan time.Duration, requests [2][]byte, rate, slowEvery int) {
	for at := range due {
		now := time.Now()
		if now.After(end) {
			c.missed++
			continue
		}
		request := requests[0]
		if n := int(at.Seconds()*float64(rate) + 0.5); slowEvery > 0 && n%slowEvery == slowEvery-1 {
			request = requests[1]
		}
		if err := c.exchange(request, now.Add(30*time.Second)); err != nil {
			c.errors++
			continue
		}
		c.latencies = append(c.latencies, time.Since(start)-at)
	}
}

// percentile is the value of a sorted list below which so many percent of it are.
func percentile(sorted []time.Duration, percent float64) time.Duration {
	i := int(percent / 100 * float64(len(sorted)))
	return sorted[min(i, len(sorted)-1)]
}

// ownCPU is the CPU time of this process, in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
