package workerpool

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// counts are totals since the pool was made. The pool's lock guards them.
type counts struct {
	restarts     map[Reason]int64
	bootFailures int64
	queueFull    int64
	queueTimeout int64
	unavailable  int64
}

// Snapshot is a consistent view of a pool.
type Snapshot struct {
	Name string
	// Workers are all processes, oldest first.
	Workers []WorkerInfo
	// Desired is the number of workers the pool keeps right now; Min and Max
	// bound it.
	Desired, Min, Max int
	// Queue is the number of waiting requests.
	Queue int
	// Restarts counts workers that ended, by reason.
	Restarts map[Reason]int64
	// BootFailures counts workers that never became ready.
	BootFailures int64
	// QueueFull, QueueTimeout and Unavailable count requests turned away.
	QueueFull, QueueTimeout, Unavailable int64
	// Ahead counts requests sent to a worker that was still at another one,
	// Left those of them that were given to another worker after all.
	Ahead, Left int64
	// Restarting is true while a rolling restart is under way.
	Restarting bool
	// LastError is why the last start failed; nil once one succeeded.
	LastError error
}

// WorkerInfo describes one worker.
type WorkerInfo struct {
	PID     int
	State   State
	Started time.Time
	// Served counts answered requests.
	Served int64
	// Memory is the resident memory in bytes; 0 where unknown.
	Memory int64
	// Busy is how long the current request, with the work after its answer, has been running; 0 without one.
	Busy time.Duration
	// HasRequest says that the answer to it is not whole yet.
	HasRequest bool
	// Due is why it will be replaced; "" if it will not.
	Due Reason
	// Generation is how many restarts had begun before it was started.
	Generation int
	// DrainsUntil is when it is ended at the latest: not zero for one that takes no
	// new request and only finishes what it has begun.
	DrainsUntil time.Time
}

// Stats returns a snapshot. It reads the memory of every worker.
func (p *Pool) Stats() Snapshot {
	now := time.Now()
	gauges := make(map[int]process.MemoryGauge)
	p.mu.Lock()
	s := Snapshot{
		Name: p.config.Name, Desired: p.desired, Min: p.min, Max: p.max,
		Queue: p.queue.length(), Restarts: maps.Clone(p.counts.restarts), BootFailures: p.counts.bootFailures,
		QueueFull: p.counts.queueFull, QueueTimeout: p.counts.queueTimeout, Unavailable: p.counts.unavailable,
		Ahead: p.pace.ahead, Left: p.pace.left,
		Restarting: p.rollout != nil,
	}
	if p.failures > 0 || p.unused > 0 {
		s.LastError = p.lastErr
	}
	for w := range p.workers {
		info := WorkerInfo{
			PID: int(w.pid.Load()), State: w.state(), Started: w.started,
			Served: w.served.Load(), Memory: w.rss.Load(), Due: p.due(w), Generation: w.generation.number,
		}
		if w.phase == retiring {
			info.DrainsUntil = w.retireBy
		}
		if w.isServing() {
			gauges[info.PID] = w.memory
		}
		if w.isBusy() {
			info.Busy = now.Sub(w.turnStart)
			info.HasRequest = w.turn != finishing
		}
		s.Workers = append(s.Workers, info)
	}
	p.mu.Unlock()
	for i := range s.Workers {
		if gauge, ok := gauges[s.Workers[i].PID]; ok {
			s.Workers[i].Memory = gauge.Read()
		}
	}
	slices.SortFunc(s.Workers, func(a, b WorkerInfo) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.PID, b.PID))
	})
	return s
}
