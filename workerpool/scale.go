package workerpool

import (
	"errors"
	"fmt"
)

// Scale changes how many workers the pool keeps, until it is closed: a new
// configuration starts from its own numbers. Surplus workers finish their
// request first. It does not wait for the workers.
func (p *Pool) Scale(min, max int) error {
	if min < 0 || max < min || max < 1 {
		return fmt.Errorf("cannot scale to between %d and %d workers: the maximum must be at least 1 and not less than the minimum", min, max)
	}
	if max > MaxWorkers {
		return fmt.Errorf("%d workers are more than the limit of %d", max, MaxWorkers)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolRunning {
		return ErrClosed
	}
	p.min, p.max = min, max
	p.desired = clamp(p.desired, min, max)
	p.wake()
	return nil
}

func clamp(n, low, high int) int { return max(low, min(n, high)) }

// ErrNoWorker says that the pool has no worker of that PID.
var ErrNoWorker = errors.New("the pool has no such worker")

// Retire sends one worker away, after the request it has and the work after that;
// in a hurry at once, and then that request fails. A replacement is started as needed.
func (p *Pool) Retire(pid int, hurry bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.workers {
		if int(w.pid.Load()) != pid || w.state == StateGone {
			continue
		}
		switch {
		case hurry || w.state == StateBooting:
			p.sendAway(w, ReasonRestart, hurry)
		case w.state == StateIdle:
			p.letGo(w, ReasonRestart)
		case w.state == StateBusy:
			p.retire(w, ReasonRestart)
		}
		return nil
	}
	return ErrNoWorker
}
