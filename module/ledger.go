package module

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// ledger holds the totals of all pools that ever served under one name, so that
// no counter goes back when a reload replaces the pool. All methods are safe for
// concurrent use.
type ledger struct {
	byClass  [6]atomic.Int64 // requests by first digit of the status
	streams  atomic.Int64
	request  prometheus.Histogram
	queue    prometheus.Histogram
	boot     prometheus.Histogram
	mu       sync.Mutex
	ended    map[workerpool.Reason]float64
	rejected map[workerpool.Rejection]float64
}

var ledgers sync.Map // pool name -> *ledger

func openLedger(name string) *ledger {
	if l, known := ledgers.Load(name); known {
		return l.(*ledger)
	}
	histogram := func(metric, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: metric, Help: help,
			Buckets: buckets, ConstLabels: prometheus.Labels{"pool": name},
		})
	}
	seconds := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	l := &ledger{
		request:  histogram("request_duration_seconds", "Time from taking a worker to the first byte of its answer.", seconds),
		queue:    histogram("queue_duration_seconds", "Time that requests waited for a worker.", seconds),
		boot:     histogram("boot_duration_seconds", "Time from the start of a worker until it was ready.", seconds),
		ended:    make(map[workerpool.Reason]float64),
		rejected: make(map[workerpool.Rejection]float64),
	}
	actual, _ := ledgers.LoadOrStore(name, l)
	return actual.(*ledger)
}

// events books what the pool reports.
func (l *ledger) events() workerpool.Events {
	return workerpool.Events{
		Booted: func(d time.Duration) { l.boot.Observe(d.Seconds()) },
		Ended: func(r workerpool.Reason) {
			l.mu.Lock()
			l.ended[r]++
			l.mu.Unlock()
		},
		Rejected: func(r workerpool.Rejection) {
			l.mu.Lock()
			l.rejected[r]++
			l.mu.Unlock()
		},
	}
}

// answered books a request that a worker answered.
func (l *ledger) answered(t *workerpool.Turn) {
	l.queue.Observe(t.Queued.Seconds())
	l.request.Observe(t.Executed.Seconds())
}

// status books the status of a request's answer.
func (l *ledger) status(code int) {
	if class := code / 100; class < len(l.byClass) {
		l.byClass[class].Add(1)
	}
}
