package workerpool

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"go.uber.org/zap"
)

// The supervisor's clock.
const (
	// queueTick is how often waiting requests are looked at.
	queueTick = 10 * time.Millisecond
	// growAfter is how long a request waits before another worker is started.
	growAfter = 20 * time.Millisecond
	// backoffMin and backoffMax bound the pause between boots that fail.
	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second
	// hopeless is how many boots in a row must have failed before requests
	// are turned away at once.
	hopeless = 3
)

// supervise decides about numbers until the pool is closed and empty. It is the
// only goroutine that starts workers.
func (p *Pool) supervise() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.kick:
		case <-timer.C:
		}
		p.mu.Lock()
		now := time.Now()
		p.expireWaiters(now)
		start, next := p.plan(now)
		if tick := now.Add(queueTick); p.nudge(now) && (next.IsZero() || tick.Before(next)) {
			next = tick
		}
		for _, w := range start {
			p.workers[w] = struct{}{}
			p.owners.Go(w.live)
		}
		over := p.state == poolClosed && len(p.workers) == 0
		p.mu.Unlock()
		if over {
			p.owners.Wait()
			p.cleanUp()
			return
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(0, next.Sub(now)))
		}
	}
}

// expireWaiters turns away who has waited too long. It needs the lock.
func (p *Pool) expireWaiters(now time.Time) {
	for wt := p.queue.head; wt != nil && now.Sub(wt.since) >= p.config.QueueTimeout; wt = p.queue.head {
		p.queue.remove(wt)
		p.reject(&p.counts.queueTimeout, RejectedQueueTimeout)
		wt.outcome <- outcome{err: ErrQueueTimeout}
	}
	p.checkDrained()
}

// census counts workers by what the plan needs to know.
type census struct {
	booting, serving, due, retiring int
	// dying ones ended in their first turn; whether that costs a pause is
	// known when they are gone.
	dying int
}

func (p *Pool) census() (c census) {
	for w := range p.workers {
		switch w.state {
		case StateBooting:
			c.booting++
		case StateIdle, StateBusy:
			c.serving++
			if w.retiring {
				c.retiring++
			} else if w.due != "" {
				c.due++
			}
		case StateStopping:
			if w.reason == ReasonCrash && w.served.Load() == 0 {
				c.dying++
			}
		}
	}
	return c
}

// plan starts and retires workers so that the pool approaches what it should
// be, and says when to look again even if nothing happens. It needs the lock.
func (p *Pool) plan(now time.Time) (start []*worker, next time.Time) {
	look := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if p.state == poolClosed {
		p.abortRollout(nil, ErrClosed)
		for w := range p.workers {
			// One with a request cannot hear a stop frame; see Stop.
			p.sendAway(w, ReasonConfig, w.state == StateBusy && !w.settling)
		}
		return nil, next
	}
	p.markOld(now, look)
	c := p.census()

	// Grow while requests wait.
	if oldest := p.queue.head; oldest != nil {
		waited := now.Sub(oldest.since)
		live := c.serving + c.booting
		if live == 0 || waited >= growAfter {
			want := live + min(p.queue.len, bootConcurrency()) - c.booting
			p.desired = max(p.desired, min(p.max, max(want, 1)))
		}
		look(now.Add(queueTick))
	} else {
		p.watching = false
	}

	// Replacements of due workers may exceed the desired number by the surge.
	// A retiring worker still has a request, but does not count any more.
	live := c.serving - c.retiring + c.booting
	missing := p.desired + min(c.due, p.config.MaxSurge) - live - c.dying
	room := bootConcurrency() - c.booting
	if p.min > 0 && p.firstTry() {
		room = 1 - c.booting // the first one shows whether it works at all
	}
	if missing > 0 && p.nextSpawn.After(now) {
		look(p.nextSpawn)
	} else {
		for range min(missing, room) {
			start = append(start, p.newWorker())
		}
	}

	// A fresh worker is there for a due one: one of those can go.
	surplus := c.serving - c.retiring - p.desired
	for ; surplus > 0; surplus-- {
		if !p.retireOne(c.due > 0) {
			break
		}
		c.due--
	}
	p.shrink(now, look)
	p.checkRollout()
	return start, next
}

// firstTry reports whether no boot has come to an outcome yet.
func (p *Pool) firstTry() bool {
	select {
	case <-p.first:
		return false
	default:
		return true
	}
}

// bootConcurrency is how many workers may start at once: more would only slow
// each other down.
func bootConcurrency() int { return max(2, runtime.GOMAXPROCS(0)) }

// markOld makes workers due that have outlived their time, and ends those whose
// last turn takes too long.
func (p *Pool) markOld(now time.Time, look func(time.Time)) {
	for w := range p.workers {
		if w.retiring && w.state == StateBusy {
			if w.retireBy.After(now) {
				look(w.retireBy)
			} else {
				p.sendAway(w, w.due, true)
			}
		}
		if w.lifetime <= 0 || w.due != "" || w.state == StateBooting {
			continue
		}
		if end := w.started.Add(w.lifetime); end.After(now) {
			look(end)
		} else {
			w.due = ReasonMaxLifetime
		}
	}
}

// retireOne sends one worker away: a due one if there are, rather an idle than a
// busy one, rather a cold than a hot one. A busy one goes when its turn ends, and
// one that works on after its answer when it is done.
func (p *Pool) retireOne(onlyDue bool) bool {
	for _, w := range p.idle { // coldest first
		if w.due != "" || !onlyDue {
			p.letGo(w, ReasonIdle.or(w.due))
			return true
		}
	}
	for w := range p.workers {
		if w.state == StateBusy && !w.retiring && (w.due != "" || !onlyDue) {
			p.retire(w, ReasonIdle.or(w.due))
			return true
		}
	}
	return false
}

// retire lets a busy worker go when its turn ends, which for a stream may be
// never: so there is a limit. It needs the lock.
func (p *Pool) retire(w *worker, reason Reason) {
	w.due, w.retiring = reason, true
	w.retireBy = time.Now().Add(p.config.DrainTimeout)
	p.wake()
}

func (r Reason) or(due Reason) Reason {
	if due != "" {
		return due
	}
	return r
}

// shrink lets the coldest workers above the minimum go.
func (p *Pool) shrink(now time.Time, look func(time.Time)) {
	for p.desired > p.min {
		if len(p.idle) == 0 { // whoever comes free has all its time before it
			look(now.Add(p.config.IdleTimeout))
			return
		}
		coldest := p.idle[0]
		if end := coldest.idleSince.Add(p.config.IdleTimeout); end.After(now) {
			look(end)
			return
		}
		p.desired--
		p.letGo(coldest, ReasonIdle.or(coldest.due))
	}
}

func (p *Pool) newWorker() *worker {
	return &worker{
		pool:     p,
		relay:    p.relay(),
		out:      &output{logger: p.log},
		started:  time.Now(),
		lifetime: p.lifetime(),
		leave:    make(chan struct{}),
		silent:   make(chan struct{}),
	}
}

// ready puts a worker into service.
func (p *Pool) ready(w *worker, boot time.Duration) {
	p.mu.Lock()
	if w.state == StateBooting {
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
	stopped := w.state == StateStopping
	w.state = StateGone
	delete(p.workers, w)
	var pause time.Duration
	noSocket := p.noSocket(w)
	if !stopped && !noSocket {
		p.lastErr = err
		pause = p.backOff(1)
		p.counts.bootFailures++
		p.abortRollout(w, err)
		p.turnAway()
	}
	p.mu.Unlock()
	switch {
	case stopped:
	case noSocket:
		p.log().Warn("large requests are slow: the workers cannot use sockets, so they keep their pipes", zap.Error(err))
		p.wake()
		return
	case p.Ready() || p.config.Min == 0: // otherwise Start tells
		p.log().Error("worker could not start", zap.Error(err), zap.Duration("next_attempt_in", pause))
	}
	if p.config.Min > 0 {
		p.firstOutcome(err)
	}
	p.wake()
}

// backOff counts a failure and sets the pause before the next start. The nth
// failure in a row, counted from `first`, is the first that costs a pause. It
// needs the lock.
func (p *Pool) backOff(first int) time.Duration {
	p.failures++
	n := p.failures - first
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
	if p.failures < hopeless {
		return nil
	}
	for w := range p.workers {
		if w.state == StateIdle || w.state == StateBusy {
			return nil
		}
	}
	return &UnavailableError{RetryAfter: max(0, time.Until(p.nextSpawn)), Err: p.lastErr}
}

// ended takes a worker out of service whose process has ended by itself, so that
// it is replaced at once: what it printed last may take a moment to read.
func (p *Pool) ended(w *worker) {
	p.mu.Lock()
	p.sendAway(w, ReasonCrash, true)
	p.mu.Unlock()
}

// gone books a worker that was ready and has ended.
func (p *Pool) gone(w *worker) {
	exit, orderly := w.child.Exit()
	served := w.served.Load()
	pid := zap.Int64("pid", w.pid.Load())
	p.mu.Lock()
	if w.state == StateIdle { // it ended while nobody looked
		p.idle = slices.DeleteFunc(p.idle, func(other *worker) bool { return other == w })
	}
	w.state = StateGone
	delete(p.workers, w)
	reason := w.reason
	byItself := reason == "" || reason == ReasonCrash
	var pause time.Duration
	if byItself {
		reason = ReasonCrash
		if served == 0 {
			p.lastErr = fmt.Errorf("worker %d ended (%s) before it answered a request", w.pid.Load(), exit)
			pause = p.backOff(2)
			p.turnAway()
		}
	}
	p.counts.restarts[reason]++
	p.events.ended(reason)
	warn := byItself && orderly && served == 1 && p.loopless.seen(time.Now())
	p.mu.Unlock()
	p.wake()

	fields := []zap.Field{pid, zap.String("exit", exit), zap.Int64("requests", served), zap.String("reason", string(reason))}
	switch {
	case warn:
		p.log().Warn("the worker ends after one request, so each request pays the whole start; "+
			"it needs a loop: while ($request = $worker->waitRequest()) { ... }", fields...)
	case byItself && orderly && served > 0:
		p.log().Debug("worker ended by itself", fields...)
	case byItself:
		fields = append(fields, zap.Strings("output", w.out.tail()))
		if pause > 0 {
			fields = append(fields, zap.Duration("next_attempt_in", pause))
		}
		p.log().Error("worker crashed", fields...)
	default:
		p.log().Info("worker stopped", fields...)
	}
}
