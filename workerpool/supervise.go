package workerpool

import (
	"context"
	"fmt"
	"time"
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
	// lateFor is how long an idle worker of a draining pool stays for requests that nobody
	// has announced.
	lateFor = time.Second
	// crashLoopAfter is how many boots in a row must have failed before requests
	// are turned away at once.
	crashLoopAfter = 3
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
		if tick := now.Add(queueTick); p.interruptLong(now) && (next.IsZero() || tick.Before(next)) {
			next = tick
		}
		for _, w := range start {
			p.workers[w] = struct{}{}
			p.owners.Go(w.live)
		}
		over := p.state == poolClosed && len(p.workers) == 0
		unused := p.unusedLaunchers()
		tell := p.watchCrowd(now)
		p.mu.Unlock()
		if tell != nil {
			tell()
		}
		for _, l := range unused {
			l.Close()
		}
		if over {
			p.stopWatch()
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
	for wt := p.queue.head; wt != nil; {
		next := wt.next
		if now.Sub(wt.since) >= p.config.QueueTimeout {
			p.queue.remove(wt)
			p.reject(&p.counts.queueTimeout, RejectedQueueTimeout)
			wt.outcome <- outcome{err: fmt.Errorf("%w (%s)", ErrQueueTimeout, p.config.QueueTimeout)}
		} else if !wt.back { // those behind have not waited longer
			break
		}
		wt = next
	}
	p.checkDrained()
}

// headcount counts workers by what the plan needs to know.
type headcount struct {
	booting, serving, due int
	leaving               int // are at their last request
	// dying ones ended before they were given a request; whether that costs a pause is
	// known when they are gone.
	dying int
}

func (p *Pool) headcount() (c headcount) {
	for w := range p.workers {
		switch w.phase {
		case booting:
			c.booting++
		case serving, retiring:
			if !w.takesRequests() {
				c.leaving++
				break
			}
			c.serving++
			if p.due(w) != "" {
				c.due++
			}
		case stopping:
			if w.reason == ReasonCrash && !w.used {
				c.dying++
			}
		}
	}
	return c
}

// plan starts and retires workers so that the pool approaches what it should
// be, and says when to look again even if nothing happens. It needs the lock.
func (p *Pool) plan(now time.Time) (start []*worker, next time.Time) {
	wakeAt := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if p.state == poolClosed {
		p.endRollout(ErrClosed)
		for w := range p.workers {
			if w.isBusy() && w.turn != finishing { // it cannot hear a stop frame; see Stop
				p.cut(w, ReasonConfig)
			} else {
				p.stop(w, ReasonConfig, false)
			}
		}
		return nil, next
	}
	p.markOld(now, wakeAt)
	p.watchCPU(now, wakeAt)
	c := p.headcount()
	atOnce := p.generation().traits.AtOnce

	// Grow while requests wait.
	if oldest := p.queue.head; oldest != nil {
		waited := now.Sub(oldest.since)
		live := c.serving + c.booting
		if live == 0 || waited >= growAfter {
			want := live + min(p.queue.length(), atOnce) - c.booting
			p.desired = max(p.desired, min(p.max, max(want, 1)))
		}
		wakeAt(now.Add(queueTick))
	} else {
		p.watching = false
	}

	// Replacements of due workers may exceed the desired number by the surge.
	// A retiring worker still has a request, but does not count any more.
	live := c.serving + c.booting
	missing := p.desired + min(c.due, p.config.MaxSurge) - live - c.dying
	room := atOnce - c.booting
	if p.generation().traits.OneRequest { // desired are those that wait for one
		room = min(room, p.max+min(c.due, p.config.MaxSurge)-live-c.leaving)
	}
	if p.min > 0 && p.firstTry() {
		room = 1 - c.booting // the first one shows whether it works at all
	}
	if missing > 0 && p.nextSpawn.After(now) {
		wakeAt(p.nextSpawn)
	} else {
		for range min(missing, room) {
			start = append(start, p.newWorker())
		}
	}

	// A fresh worker is there for a due one: one of those can go.
	surplus := c.serving - p.desired
	for ; surplus > 0; surplus-- {
		if !p.retireOne(c.due > 0) {
			break
		}
		c.due--
	}
	p.shrink(now, wakeAt)
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

// markOld makes workers due that have outlived their time, and ends those whose
// last turn takes too long.
func (p *Pool) markOld(now time.Time, wakeAt func(time.Time)) {
	for w := range p.workers {
		if w.phase == retiring {
			if w.retireBy.After(now) {
				wakeAt(w.retireBy)
			} else {
				p.cut(w, w.due)
			}
		}
		if w.lifetime <= 0 || w.due != "" || w.phase == booting {
			continue
		}
		if end := w.started.Add(w.lifetime); end.After(now) {
			wakeAt(end)
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
		if due := p.due(w); due != "" || !onlyDue {
			p.retire(w, ReasonIdle.or(due))
			return true
		}
	}
	for w := range p.workers {
		if due := p.due(w); w.phase == serving && w.turn != noTurn && (due != "" || !onlyDue) {
			p.retire(w, ReasonIdle.or(due))
			return true
		}
	}
	return false
}

func (r Reason) or(due Reason) Reason {
	if due != "" {
		return due
	}
	return r
}

// shrink lets the coldest workers above the minimum go. A draining pool keeps as many as its
// open requests can need, and the others for as long as late ones may come.
func (p *Pool) shrink(now time.Time, wakeAt func(time.Time)) {
	least, timeout := p.min, p.config.IdleTimeout
	if p.state == poolDraining {
		least, timeout = p.inflight+p.queue.length(), min(timeout, lateFor)
	}
	for p.desired > least {
		if len(p.idle) == 0 { // whoever comes free has all its time before it
			wakeAt(now.Add(timeout))
			return
		}
		coldest := p.idle[0]
		if end := coldest.idleSince.Add(timeout); end.After(now) {
			wakeAt(end)
			return
		}
		p.desired--
		p.retire(coldest, ReasonIdle.or(p.due(coldest)))
	}
}

func (p *Pool) newWorker() *worker {
	leaving, leave := context.WithCancel(context.Background())
	return &worker{
		pool:       p,
		relay:      p.relay(),
		started:    time.Now(),
		generation: p.generation(),
		lifetime:   p.lifetime(),
		leaving:    leaving,
		leave:      leave,
		hastened:   make(chan struct{}),
		outputDone: make(chan struct{}),
		removed:    make(chan struct{}),
	}
}
