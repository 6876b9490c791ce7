package workerpool

import (
	"fmt"
	"time"
)

// cpuMark is the beginning of what a request may use of CPU time. The zero value is none yet: it is
// taken when the worker is looked at for the first time since its request began, so that a short
// request costs nothing. The pool's lock guards it.
type cpuMark struct {
	at   time.Time
	used time.Duration // by the process since its start
}

// cpuLooks is how often the CPU time of workers is read within the time that a request may use, but for
// once a second it is enough.
const cpuLooks = 10

// watchCPU ends the workers that have used more CPU time for their request, and the work after it, than
// they may: those run in a loop without an end. Who waits, for a database or for the client of a
// stream, uses none. It needs the lock: reading a clock does not block.
func (p *Pool) watchCPU(now time.Time, look func(time.Time)) {
	limit := p.config.MaxExecutionTime
	if limit <= 0 {
		return
	}
	if p.nextCPULook.After(now) {
		look(p.nextCPULook)
		return
	}
	p.nextCPULook = now.Add(min(time.Second, limit/cpuLooks))
	look(p.nextCPULook)
	for w := range p.workers {
		if !w.isServing() {
			continue
		}
		used, ok := w.child.CPUTime()
		mark := w.cpu
		switch {
		case !ok:
		case mark.at.IsZero(), w.turn == noTurn && used-mark.used < now.Sub(mark.at)/2: // some applications have timers
			w.cpu = cpuMark{now, used}
		case used-mark.used >= limit:
			w.overdue = true
			p.stop(w, ReasonTimeout, true)
		}
	}
}

// overdueError is what becomes of a request whose worker has been ended by watchCPU.
func (p *Pool) overdueError(err error) error {
	return fmt.Errorf("%w (%s of CPU time, max_execution_time): %w", ErrCPUTime, p.config.MaxExecutionTime, err)
}
