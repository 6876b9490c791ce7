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
		return fmt.Errorf("cannot scale to a minimum of %d and a maximum of %d workers: the minimum must be at least 0, the maximum at least 1 and not below it", min, max)
	}
	if max > MaxWorkers {
		return fmt.Errorf("%d workers are more than the limit of %d", max, MaxWorkers)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolRunning {
		return ErrClosed
	}
	if most := p.generation().traits.Most; most > 0 && max+p.config.MaxSurge > most {
		return fmt.Errorf("cannot scale to %d workers: PHP was started for %d at most, and that many only a new configuration can change",
			max, most-p.config.MaxSurge)
	}
	p.min, p.max = min, max
	p.desired = clamp(p.desired, min, max)
	p.wake()
	return nil
}

func clamp(n, low, high int) int { return max(low, min(n, high)) }

// ErrNoWorker says that the pool has no worker of that PID.
var ErrNoWorker = errors.New("the pool has no such worker")

// Retire replaces one worker after the request that it has and the work after that; with
// force at once, and then that request fails. Force can also be added to an end that has
// begun. A replacement is started as needed.
func (p *Pool) Retire(pid int, force bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.workers {
		if int(w.pid.Load()) != pid || w.phase == gone {
			continue
		}
		switch {
		case force && w.phase == stopping:
			w.hasten()
		case force, w.phase == booting:
			p.stop(w, ReasonRestart, force)
		case w.phase == serving:
			p.retire(w, ReasonRestart)
		}
		return nil
	}
	return ErrNoWorker
}
