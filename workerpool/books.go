package workerpool

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

// ready puts a worker into service.
func (p *Pool) ready(w *worker, boot time.Duration) {
	p.mu.Lock()
	if w.phase == booting {
		p.aborted = nil
		w.phase = serving
		p.offer(w)
	}
	p.mu.Unlock()
	p.firstOutcome(nil)
	p.wake()
	p.events.booted(boot)
}

// bootFailed books a worker that did not become ready.
func (p *Pool) bootFailed(w *worker, err error) {
	p.mu.Lock()
	stopped := w.phase == stopping
	p.remove(w)
	closed := p.state == poolClosed
	var pause time.Duration
	noSocket := !stopped && p.noSocket(w)
	if !stopped && !noSocket {
		p.lastErr = err
		pause = p.backOff(&p.failures, 1)
		p.counts.bootFailures++
		if r := p.rollout; r != nil && r.generation == w.generation.number { // else it is of before a restart that is prepared
			p.endRollout(err)
		}
		p.turnAway()
	}
	p.mu.Unlock()
	switch {
	case stopped:
	case noSocket:
		p.Log().Warn("large requests are slow: the workers cannot use sockets, so they keep their pipes", zap.Error(err))
		p.wake()
		return
	case p.Ready() || p.config.Min == 0: // otherwise Start tells
		p.Log().Error("worker could not start", zap.Error(err), zap.Duration("next_attempt_in", pause))
	}
	if p.config.Min > 0 && (!stopped || closed) {
		p.firstOutcome(err)
	}
	p.wake()
}

// remove takes a worker that has ended off the list. It needs the lock.
func (p *Pool) remove(w *worker) {
	w.phase = gone
	delete(p.workers, w)
	close(w.removed)
}

// backOff counts a failure in a row and sets the pause before the next start. The nth
// is the first that costs one. It needs the lock.
func (p *Pool) backOff(count *int, nth int) time.Duration {
	*count++
	n := *count - nth
	if n < 0 {
		return 0
	}
	pause := backoffMax
	if n < 8 {
		pause = min(backoffMax, backoffMin<<n)
	}
	p.nextSpawn = time.Now().Add(pause)
	return pause
}

// turnAway answers those who wait for workers that will not come. It needs the
// lock.
func (p *Pool) turnAway() {
	if err := p.unavailable(); err != nil {
		for wt := p.queue.pop(); wt != nil; wt = p.queue.pop() {
			p.reject(&p.counts.unavailable, RejectedUnavailable)
			wt.outcome <- outcome{err: err}
		}
		p.checkDrained()
	}
}

// unavailable is the error for a pool in a crash loop, or nil. It needs the lock.
func (p *Pool) unavailable() error {
	if p.failures < crashLoopAfter {
		return nil
	}
	for w := range p.workers {
		if w.isServing() {
			return nil
		}
	}
	return &UnavailableError{RetryAfter: max(0, time.Until(p.nextSpawn)), Err: p.lastErr}
}

// exited takes a worker out of service whose process has ended by itself, so that
// it is replaced at once: what it printed last may take a moment to read.
func (p *Pool) exited(w *worker) {
	p.mu.Lock()
	p.stop(w, ReasonCrash, true)
	p.mu.Unlock()
}

// reaped counts a worker that was ready and has ended.
func (p *Pool) reaped(w *worker) {
	exit, orderly := w.child.Exit()
	served := w.served.Load()
	pid := zap.Int64("pid", w.pid.Load())
	p.mu.Lock()
	p.remove(w)
	reason := w.reason
	byItself := reason == "" || reason == ReasonCrash
	var pause time.Duration
	ownLimit := byItself && (w.answeredOnly() || orderly && served > 0 && !w.diedAtWork) // it ends after an answer, as it likes
	if ownLimit {
		byItself, reason = false, ReasonMaxRequests
	}
	if byItself {
		reason = ReasonCrash
		if !w.used { // what happens within a request is that request's affair
			p.lastErr = fmt.Errorf("worker %d ended (%s) before it was given a request", w.pid.Load(), exit)
			pause = p.backOff(&p.unused, 2)
		}
	}
	p.counts.restarts[reason]++
	p.events.ended(reason)
	silent := w.overdue && !w.blamed // it worked on after its answer: no request tells of it
	warn := ownLimit && !w.generation.traits.OneRequest && served == 1 && p.oneShot.seen(time.Now())
	p.mu.Unlock()
	p.wake()

	fields := []zap.Field{pid, zap.String("exit", exit), zap.Int64("requests", served), zap.String("reason", string(reason))}
	switch {
	case warn:
		p.Log().Warn("the worker ends after one request, so each request pays the whole start: "+
			"does the application call exit? If not, it needs a loop; "+theLoop, fields...)
	case silent:
		p.Log().Error("worker ended: its CPU time was used up; ini max_execution_time sets the limit",
			append(fields, zap.Duration("max_execution_time", p.config.MaxExecutionTime), zap.Strings("output", w.child.Tail()))...)
	case ownLimit && orderly, reason == ReasonMaxRequests && w.generation.traits.OneRequest: // as each of them ends
		p.Log().Debug("worker ended by itself", fields...)
	case byItself:
		fields = append(fields, zap.Strings("output", w.child.Tail()))
		if pause > 0 {
			fields = append(fields, zap.Duration("next_attempt_in", pause))
		}
		p.Log().Error("worker crashed", fields...)
	default:
		p.Log().Info("worker stopped", fields...)
	}
}
