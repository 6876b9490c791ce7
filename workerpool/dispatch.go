package workerpool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// readyWithin is how long a worker may work on after its response before that
// counts as long: such a worker is not given the next request on trust.
const readyWithin = 2 * time.Millisecond

// acquire takes a turn at a free worker, or waits for one, for t. again puts a
// request that lost its worker in front of the queue, with the wait it already
// had.
func (p *Pool) acquire(ctx context.Context, t *Turn, again bool) (*worker, error) {
	t.ahead = false
	p.mu.Lock()
	if p.state == poolClosed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if p.queue.length() == 0 || again {
		if w := p.takeIdle(); w != nil {
			p.mu.Unlock()
			if w = p.preferReady(w); w != nil {
				return w, nil
			}
			p.mu.Lock()
			if p.state == poolClosed { // meanwhile
				p.mu.Unlock()
				return nil, ErrClosed
			}
		}
	}
	if err := p.unavailable(); err != nil {
		p.reject(&p.counts.unavailable, RejectedUnavailable)
		p.mu.Unlock()
		return nil, err
	}
	if !again && p.queue.length() >= p.config.QueueSize {
		p.reject(&p.counts.queueFull, RejectedQueueFull)
		busy := len(p.workers)
		p.mu.Unlock()
		return nil, fmt.Errorf("%w: requests waiting: %d, workers: %d", ErrQueueFull, p.config.QueueSize, busy)
	}
	wt := p.waiters.Get().(*waiter)
	wt.since, wt.request, wt.gaveUp, wt.left = t.since, nil, false, false
	if t.req.Repeatable && t.req.Body == nil && t.req.Suit == nil && !t.waited {
		wt.request = t.req.Frame
	}
	if again {
		p.queue.pushFront(wt)
	} else {
		p.queue.push(wt)
	}
	// A worker may have come free between the two locks above.
	if w := p.takeIdle(); w != nil {
		if first := p.queue.pop(); first != wt {
			first.outcome <- outcome{w: w}
		} else {
			p.mu.Unlock()
			p.waiters.Put(wt)
			return w, nil
		}
	}
	watch := !p.watching
	p.watching = true
	p.mu.Unlock()
	if watch {
		p.wake()
	}
	select {
	case o := <-wt.outcome:
		return p.accept(t, wt, o)
	case <-ctx.Done():
	}
	p.mu.Lock()
	waiting := p.queue.remove(wt)
	wt.gaveUp = !waiting
	p.checkDrained()
	p.mu.Unlock()
	if !waiting { // somebody was quicker
		o := <-wt.outcome
		if o.ahead { // it has begun, or is about to
			return p.accept(t, wt, o)
		}
		if o.w != nil {
			p.giveBack(o.w)
		}
	}
	p.waiters.Put(wt)
	return nil, context.Cause(ctx)
}

// accept copies the outcome of waiting into the turn and returns the waiter to its pool.
func (p *Pool) accept(t *Turn, wt *waiter, o outcome) (*worker, error) {
	t.ahead, t.number, t.left = o.ahead, wt.number, t.left || wt.left
	wt.request = nil
	p.waiters.Put(wt)
	return o.w, o.err
}

// takeIdle takes the worker used last off the stack. It needs the lock.
func (p *Pool) takeIdle() *worker {
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	w := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	p.takeTurn(w)
	return w
}

// takeTurn needs the lock.
func (p *Pool) takeTurn(w *worker) {
	if w.turn != noTurn {
		panic("workerpool: a second turn at one worker")
	}
	w.turn = running
	if !w.used { // a new worker works; an old one proves nothing about starting
		p.failures, p.unused = 0, 0
	}
	w.used = true
	w.turnStart = time.Now()
	w.cpu = cpuMark{}
	p.inflight++
}

// endTurn needs the lock. Nothing of the worker may be touched afterwards that
// belongs to the turn. It reports false where the turn goes on, with the request
// that was sent behind this one.
func (p *Pool) endTurn(w *worker) bool {
	if w.turn == noTurn {
		panic("workerpool: the end of a turn that nobody has")
	}
	if p.promote(w) {
		return false
	}
	p.clearInterrupt(w)
	w.turn = noTurn
	if w.free != nil {
		close(w.free)
		w.free = nil
	}
	w.turnStart = time.Time{}
	p.lessInFlight()
	return true
}

// whenFree returns a channel that is closed once nobody has a turn at w. It is for a worker
// that has ended.
func (p *Pool) whenFree(w *worker) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := w.free
	if free == nil {
		free = make(chan struct{})
	}
	if w.turn != noTurn {
		w.free = free
	} else {
		close(free)
	}
	return free
}

// reserve keeps a draining pool open for a request that lost its worker and is to
// be repeated, or that is still on its way; unreserve takes it back.
func (p *Pool) reserve() {
	p.mu.Lock()
	p.inflight++
	p.mu.Unlock()
}

func (p *Pool) unreserve() {
	p.mu.Lock()
	p.lessInFlight()
	p.checkDrained()
	p.mu.Unlock()
}

// lessInFlight lets a draining pool shrink. It needs the lock.
func (p *Pool) lessInFlight() {
	p.inflight--
	if p.state == poolDraining {
		p.wake()
	}
}

// preferReady looks whether w still works on its last request and, if so,
// exchanges it for an idle worker that does not. It returns nil if no worker is
// fit right now: then one is being waited for, and comes to the queue.
func (p *Pool) preferReady(w *worker) *worker {
	var atWork []*worker // usually none
	for w != nil {
		ready, err := w.link.TryCatchUp()
		if ready {
			err = w.link.Look()
		}
		if err != nil {
			p.drop(w, err)
		} else if ready {
			break
		} else {
			atWork = append(atWork, w)
		}
		p.mu.Lock()
		w = p.takeIdle()
		p.mu.Unlock()
	}
	for _, u := range atWork {
		young := time.Since(u.answeredAt) < p.config.readyWithin
		switch {
		case w == nil && young && !u.worksLate && !p.cautious():
			w = u // it is about to be ready
		case w != nil && young:
			p.giveBack(u)
		default:
			u.worksLate = true
			go p.awaitReady(u)
		}
	}
	return w
}

// awaitReady waits until the worker asks for its next request. The
// worker's turn is held meanwhile.
func (p *Pool) awaitReady(w *worker) {
	p.mu.Lock()
	w.turn = finishing
	p.mu.Unlock()
	begin := time.Now()
	err := w.readError(w.link.CatchUp(p.config.RequestTimeout))
	for errors.Is(err, os.ErrDeadlineExceeded) && p.wasInterrupted(w) { // on behalf of the turn before
		err = w.readError(w.link.CatchUp(p.config.RequestTimeout))
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrTimeout
	case err == nil && w.link.AskedToStop():
		err = link.ErrAskedToStop
	}
	if err != nil {
		p.drop(w, err)
		return
	}
	if time.Since(begin) < p.config.readyWithin {
		w.worksLate = false
	}
	p.giveBack(w)
}

// answered ends a turn after a complete answer to a request of size bytes.
func (p *Pool) answered(w *worker, size int64) {
	now := time.Now()
	w.answeredAt = now
	served := w.served.Add(1)
	var rss int64
	if p.config.MaxMemory > 0 {
		rss = w.memory.Read()
		w.rss.Store(rss)
	}
	if w.link.Err() != nil { // requests behind a stream were taken away from it
		p.drop(w, w.link.Err())
		return
	}
	p.mu.Lock()
	if due := p.dueReason(w, served, rss); due != "" && w.due == "" {
		w.due = due
		p.wake()
	}
	p.pace.turnTook(now.Sub(w.turnStart))
	p.noteSize(size)
	picked := len(w.ahead) == 1 && p.pickAhead(w) // it is the front in a moment, and the worker may be at it already
	if w.answeredOnly() {
		p.retire(w, ReasonMaxRequests)
	}
	atWork := w.phase == retiring && w.answeredOnly() || len(w.ahead) == 0 && !w.link.CaughtUp() && (w.worksLate || w.link.Owes() || p.oneShot.suspected())
	switch {
	case atWork:
		p.mu.Unlock()
		go p.awaitReady(w)
	case picked: // they are sent without the lock, and before the turn is another's
		p.mu.Unlock()
		w.link.Flush()
		p.giveBack(w)
	default:
		p.turnOver(w)
		p.mu.Unlock()
	}
}

func (p *Pool) cautious() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.oneShot.suspected()
}

// giveBack ends a turn: the worker is given to the request that waits longest, or becomes idle, or
// is retired.
func (p *Pool) giveBack(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turnOver(w)
}

// turnOver is giveBack for who has the lock.
func (p *Pool) turnOver(w *worker) {
	if p.endTurn(w) {
		switch w.phase {
		case serving:
			p.offer(w)
		case retiring:
			p.retire(w, w.due)
		}
	}
	p.checkDrained()
}

// offer gives a free worker to the first waiter or puts it on the stack. It
// needs the lock.
func (p *Pool) offer(w *worker) {
	if wt := p.queue.pop(); wt != nil {
		p.takeTurn(w)
		wt.outcome <- outcome{w: w}
		return
	}
	w.idleSince = time.Now()
	p.idle = append(p.idle, w)
	if p.due(w) != "" { // used last
		copy(p.idle[1:], p.idle)
		p.idle[0] = w
	}
}
