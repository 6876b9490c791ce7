package workerpool

import "time"

// Events are told what happens in a pool, for metrics. They are called from the
// goroutine in which it happens, some with the pool's lock held: they must not
// block and not call the pool. Nil functions are not called.
type Events struct {
	// Booted tells how long a worker took to become ready.
	Booted func(time.Duration)
	// Ended tells why a worker ended that had been ready.
	Ended func(Reason)
	// Rejected tells why a request was turned away.
	Rejected func(Rejection)
}

// Rejection says why a request was turned away without having seen a worker.
type Rejection string

// The rejections, as they appear in metrics.
const (
	RejectedQueueFull    Rejection = "queue_full"
	RejectedQueueTimeout Rejection = "queue_timeout"
	RejectedUnavailable  Rejection = "unavailable"
	RejectedMemory       Rejection = "memory" // by who reads requests, see Config.Budget
)

func (e *Events) booted(d time.Duration) {
	if e.Booted != nil {
		e.Booted(d)
	}
}

func (e *Events) ended(r Reason) {
	if e.Ended != nil {
		e.Ended(r)
	}
}

// reject counts a request that is turned away. It needs the lock.
func (p *Pool) reject(count *int64, why Rejection) {
	*count++
	if p.events.Rejected != nil {
		p.events.Rejected(why)
	}
}
