package workerpool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rollout is a rolling restart under way: every worker that was there when it
// began is due. The pool's lock guards it.
type rollout struct {
	reason Reason
	old    map[*worker]struct{}
	done   chan struct{}
	err    error // read after done
}

// Restart begins to replace all workers, at most MaxSurge more than usual at a
// time: a new one is ready before an old one goes. Only one restart runs at a
// time; a second call returns [ErrRestartRunning].
//
// The returned function waits until the last old worker has been told to go and
// has neither a request nor work after one left, and a new one serves; it returns
// a [*BootError] when a new one could not boot, and then the old ones that are left
// keep serving. When its ctx ends it returns the cause, and the restart goes on.
func (p *Pool) Restart(reason Reason) (wait func(context.Context) error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolRunning {
		return nil, ErrClosed
	}
	if p.rollout != nil {
		return nil, ErrRestartRunning
	}
	r := &rollout{reason: reason, old: make(map[*worker]struct{}), done: make(chan struct{})}
	for w := range p.workers {
		if w.state == StateStopping {
			continue
		}
		r.old[w] = struct{}{}
		if w.due == "" {
			w.due = reason
		}
	}
	p.rollout = r
	p.failures, p.nextSpawn = 0, time.Time{} // a mended script is tried at once
	p.wake()
	return r.wait, nil
}

func (r *rollout) wait(ctx context.Context) error {
	select {
	case <-r.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if errors.Is(r.err, ErrClosed) {
		return r.err
	}
	if r.err != nil {
		return fmt.Errorf("restart aborted, the old workers keep serving: %w", r.err)
	}
	return nil
}

// checkRollout ends the restart when no old worker is left; where none was there
// to begin with, when the first new one serves. It needs the lock.
func (p *Pool) checkRollout() {
	r := p.rollout
	if r == nil {
		return
	}
	for w := range r.old {
		if w.state == StateGone || w.state == StateStopping {
			delete(r.old, w)
		}
	}
	c := p.census()
	if len(r.old) == 0 && (c.serving > c.retiring || p.desired == 0) {
		p.rollout = nil
		close(r.done)
	}
}

// abortRollout keeps the old workers that are left. The failure of a worker that
// was booting when the restart began says nothing of the new code. It needs the
// lock.
func (p *Pool) abortRollout(failed *worker, err error) {
	r := p.rollout
	if r == nil {
		return
	}
	if _, old := r.old[failed]; old {
		return
	}
	for w := range r.old {
		if w.due == r.reason {
			w.due, w.retiring = "", false
		}
	}
	r.err = err
	p.rollout = nil
	close(r.done)
}
