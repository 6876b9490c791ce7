package module

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// totals are the counts of a pool and of those that it has replaced, see registry.totalsOf. All methods
// are safe for concurrent use.
type totals struct {
	byClass  [6]atomic.Int64 // requests by first digit of the status
	streams  atomic.Int64
	held     atomic.Int64 // bytes, see package budget
	request  prometheus.Histogram
	queue    prometheus.Histogram
	boot     prometheus.Histogram
	mu       sync.Mutex
	ended    map[workerpool.Reason]float64
	rejected map[workerpool.Rejection]float64
}

func newTotals(name string) *totals {
	histogram := func(metric, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: metric, Help: help,
			Buckets: buckets, ConstLabels: prometheus.Labels{"pool": name},
		})
	}
	seconds := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	return &totals{
		request:  histogram("request_duration_seconds", "Time from taking a worker to the first byte of its answer.", seconds),
		queue:    histogram("queue_duration_seconds", "Time that requests waited for a worker.", seconds),
		boot:     histogram("boot_duration_seconds", "Time from the start of a worker until it was ready.", seconds),
		ended:    make(map[workerpool.Reason]float64),
		rejected: make(map[workerpool.Rejection]float64),
	}
}

// events returns callbacks that add the pool's events to the totals.
func (t *totals) events() workerpool.Events {
	return workerpool.Events{
		Booted: func(d time.Duration) { t.boot.Observe(d.Seconds()) },
		Ended: func(r workerpool.Reason) {
			t.mu.Lock()
			t.ended[r]++
			t.mu.Unlock()
		},
		Rejected: t.reject,
	}
}

// reject counts a request that was turned away.
func (t *totals) reject(r workerpool.Rejection) {
	t.mu.Lock()
	t.rejected[r]++
	t.mu.Unlock()
}

// rejections is how many requests were turned away for that reason.
func (t *totals) rejections(r workerpool.Rejection) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.rejected[r])
}

// answered counts a request that a worker answered.
func (t *totals) answered(turn *workerpool.Turn) {
	t.queue.Observe(turn.Queued.Seconds())
	t.request.Observe(turn.Executed.Seconds())
}

// status counts the status of a request's answer.
func (t *totals) status(code int) {
	if class := code / 100; class < len(t.byClass) {
		t.byClass[class].Add(1)
	}
}
