package workerpool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Rollout is a rolling restart: the workers of a new generation take over from
// those of all earlier ones. Its methods are safe for concurrent use.
type Rollout struct {
	pool       *Pool
	generation int
	reason     Reason
	giveUp     context.CancelFunc // ends the preparation of the new generation
	done       chan struct{}
	err        error // read after done
}

// Restart begins to replace all workers, at most MaxSurge more than usual at a
// time: a new one is ready before an old one goes. One that is under way is
// superseded: its workers are old ones, too, and what still boots is given up.
// It blocks while the launcher prepares the new generation; one that starts a process
// for each worker has nothing to prepare.
func (p *Pool) Restart(reason Reason) (*Rollout, error) {
	p.mu.Lock()
	if p.state != poolRunning {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	p.endRollout(ErrSuperseded)
	p.restarts++
	ctx, giveUp := context.WithCancel(context.Background())
	r := &Rollout{pool: p, generation: p.restarts, reason: reason, giveUp: giveUp, done: make(chan struct{})}
	p.rollout = r
	p.giveUpBoots(r)
	old, before := p.generation().launcher, p.generation().common
	p.owners.Add(1) // old is not closed meanwhile
	defer p.owners.Done()
	p.mu.Unlock()

	common := p.begin(before)
	next, err := old.Renew(ctx, p.Log, p.config.preloads(before, common))
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.rollout != r: // superseded, or the pool is closed
		if err == nil && next != old {
			go next.Close()
		}
	case err != nil:
		p.endRollout(p.bootError(p.generation().traits, &notStarted{err}, nil, ""))
	default:
		p.renewed(next, common)
		p.giveUpBoots(r)
		p.failures, p.unused, p.nextSpawn = 0, 0, time.Time{} // a mended script is tried at once
	}
	p.wake()
	return r, nil
}

// giveUpBoots ends the workers of earlier generations that boot: they have the old code,
// and nobody knows for how long they boot. It needs the lock.
func (p *Pool) giveUpBoots(r *Rollout) {
	for w := range p.workers {
		if w.phase == booting && w.generation.number < r.generation {
			p.stop(w, r.reason, true)
		}
	}
}

// Done is closed when the outcome is known that Wait returns.
func (r *Rollout) Done() <-chan struct{} { return r.done }

// Wait waits until the new workers answer every new request. Old ones may still
// be at their last one then: see Draining. It returns a [*BootError] when a new worker could
// not boot, and then the old ones that are left keep serving; [ErrSuperseded] when a newer
// restart has begun, and [ErrClosed] when the pool is closed. When ctx ends it
// returns the cause, and the restart goes on.
func (r *Rollout) Wait(ctx context.Context) error {
	select {
	case <-r.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*BootError](r.err); ok {
		return fmt.Errorf("restart aborted, the old workers keep serving: %w", r.err)
	}
	return r.err
}

// WaitDrained is Wait, and then waits until the last old worker has ended, which
// may take as long as DrainTimeout and StopTimeout say.
func (r *Rollout) WaitDrained(ctx context.Context) error {
	if err := r.Wait(ctx); err != nil {
		return err
	}
	for w := r.old(); w != nil; w = r.old() {
		select {
		case <-w.removed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// old is a worker of an earlier generation; nil if there is none.
func (r *Rollout) old() *worker {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	for w := range r.pool.workers {
		if w.generation.number < r.generation {
			return w
		}
	}
	return nil
}

// Draining are the old workers that still have a request, oldest first. One that only works on after its answer, or
// is yet to say that it does not, is none of them; WaitDrained waits for it, too.
func (r *Rollout) Draining() []WorkerInfo {
	var all []WorkerInfo
	for _, w := range r.pool.Stats().Workers {
		if w.Generation < r.generation && !w.DrainsUntil.IsZero() && w.HasRequest {
			all = append(all, w)
		}
	}
	return all
}

// prepared says that a restart is under way whose workers can be started. It needs the lock.
func (p *Pool) prepared() bool {
	return p.rollout != nil && p.generation().number == p.rollout.generation
}

// due is why a worker is to be replaced; "" if it is not. It serves until its
// replacement is ready. It needs the lock.
func (p *Pool) due(w *worker) Reason {
	switch {
	case w.due != "":
		return w.due
	case p.prepared() && w.generation.number < p.rollout.generation:
		return p.rollout.reason
	case w.relay != p.relay():
		return ReasonRestart
	}
	return ""
}

// checkRollout ends the restart when a new worker serves and none of the old
// ones takes a request any more. It needs the lock.
func (p *Pool) checkRollout() {
	r := p.rollout
	if !p.prepared() {
		return
	}
	serves := p.desired == 0
	for w := range p.workers {
		if !w.takesRequests() {
			continue
		}
		if w.generation.number < r.generation {
			return
		}
		serves = true
	}
	if serves {
		p.endRollout(nil)
	}
}

// endRollout ends the restart that is under way, if one is: nobody is to be
// replaced for it any more. Who has been told to go still goes. It needs the lock.
func (p *Pool) endRollout(err error) {
	if r := p.rollout; r != nil {
		p.rollout, r.err = nil, err
		r.giveUp()
		if _, failed := errors.AsType[*BootError](err); failed || err == nil {
			p.aborted = err
		}
		close(r.done)
	}
}

// Aborted is the [*BootError] for which the last restart was aborted, so that workers of
// the code before still serve; nil when a worker has become ready since.
func (p *Pool) Aborted() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.aborted
}
