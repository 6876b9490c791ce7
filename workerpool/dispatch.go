package workerpool

import (
	"context"
	"slices"
	"time"
)

// longTail is how long a worker may work on after its response before that
// counts as long: such a worker is not given the next request on trust.
const longTail = 2 * time.Millisecond

// acquire takes a turn at a free worker, or waits for one, for t. again puts a
// request that lost its worker in front of the queue, with the wait it already
// had.
func (p *Pool) acquire(ctx context.Context, t *Turn, since time.Time, again bool) (*worker, error) {
	t.ahead = false
	p.mu.Lock()
	if p.state == poolClosed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if p.queue.len == 0 || again {
		if w := p.takeIdle(); w != nil {
			p.mu.Unlock()
			if w = p.preferSettled(w); w != nil {
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
	if !again && p.queue.len >= p.config.QueueSize {
		p.reject(&p.counts.queueFull, RejectedQueueFull)
		p.mu.Unlock()
		return nil, ErrQueueFull
	}
	wt := p.waiters.Get().(*waiter)
	wt.since, wt.ahead, wt.left, wt.repeatable = since, nil, false, t.req.Repeatable
	if t.probed && len(t.frame) <= recallLimit {
		wt.ahead = t.frame
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
	wt.left = !waiting
	p.checkDrained()
	p.mu.Unlock()
	if !waiting { // somebody was quicker
		o := <-wt.outcome
		if o.ahead { // it has begun, or is about to
			return p.accept(t, wt, o)
		}
		if o.w != nil {
			p.handBack(o.w)
		}
	}
	p.waiters.Put(wt)
	return nil, context.Cause(ctx)
}

// accept takes what the wait has brought.
func (p *Pool) accept(t *Turn, wt *waiter, o outcome) (*worker, error) {
	if o.ahead {
		t.ahead, t.sent, t.sendErr = true, wt.sent, wt.err
	}
	wt.ahead, wt.err = nil, nil
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
	w.state = StateBusy
	w.held, w.nudgedAgain = true, false
	w.turnStart = time.Now()
	p.inflight++
}

// endTurn needs the lock. Nothing of the worker may be touched afterwards that
// belongs to the turn. It reports false where the turn goes on, with the request
// that was sent behind this one.
func (p *Pool) endTurn(w *worker) bool {
	if p.passOn(w) {
		return false
	}
	p.calm(w)
	w.held, w.settling, w.sentAhead = false, false, false
	if w.free != nil {
		close(w.free)
		w.free = nil
	}
	w.turnStart = time.Time{}
	p.inflight--
	return true
}

// whenFree returns a channel that is closed when nobody has a turn at w any more,
// which is to be gone.
func (p *Pool) whenFree(w *worker) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := w.free
	if free == nil {
		free = make(chan struct{})
	}
	if w.held {
		w.free = free
	} else {
		close(free)
	}
	return free
}

// hold keeps a draining pool open for a request that lost its worker and is to
// be repeated; hold(-1) takes it back.
func (p *Pool) hold(n int) {
	p.mu.Lock()
	p.inflight += n
	p.checkDrained()
	p.mu.Unlock()
}

// preferSettled looks whether w still works on its last request and, if so,
// exchanges it for an idle worker that does not. It returns nil if no worker is
// fit right now: then one is being waited for, and comes to the queue.
func (p *Pool) preferSettled(w *worker) *worker {
	var unsettled []*worker // usually none
	for w != nil {
		if err := w.trySettle(); err != nil {
			p.dismiss(w, err)
		} else if w.settled {
			break
		} else {
			unsettled = append(unsettled, w)
		}
		p.mu.Lock()
		w = p.takeIdle()
		p.mu.Unlock()
	}
	for _, u := range unsettled {
		young := time.Since(u.answeredAt) < p.config.longTail
		switch {
		case w == nil && young && !u.slowTail && !p.cautious():
			w = u // on trust: it is about to settle
		case w != nil && young:
			p.handBack(u)
		default:
			u.slowTail = true
			go p.settleAndHandBack(u)
		}
	}
	return w
}

// settleAndHandBack waits until the worker asks for its next request. The
// worker's turn is held meanwhile.
func (p *Pool) settleAndHandBack(w *worker) {
	p.mu.Lock()
	w.settling = true
	p.mu.Unlock()
	begin := time.Now()
	if err := w.settle(); err != nil {
		p.dismiss(w, err)
		return
	}
	if time.Since(begin) < p.config.longTail {
		w.slowTail = false
	}
	p.handBack(w)
}

// release ends a turn after a complete answer to a request of size bytes.
func (p *Pool) release(w *worker, size int64) {
	now := time.Now()
	w.settled = false
	w.answeredAt = now
	served := w.served.Add(1)
	var rss int64
	if p.config.MaxMemory > 0 {
		rss = w.memory.read()
		w.rss.Store(rss)
	}
	p.mu.Lock()
	if served == 1 { // a new worker works; an old one proves nothing about starting
		p.failures = 0
		if w.state == StateStopping { // it ended before its answer was read, and was taken for one that cannot start
			p.wake()
		}
	}
	due := p.dueReason(w, served, rss)
	if due == "" && w.wantsOut {
		due = ReasonRestart
	}
	p.pace.turnTook(now.Sub(w.turnStart))
	p.noteSize(size)
	tail := len(w.line) == 0 && (w.slowTail || w.abandoned > 0 || p.loopless.suspected())
	var next []*waiter
	if len(w.line) == 1 && !w.wantsOut && !w.afterStream && p.pace.even() {
		// It is the front in a moment; the worker may be at it already, or find both:
		// where turns may be long, what comes next waits until it surely is.
		next = p.lineUp(w, 1, unread(w.line))
	}
	if tail {
		p.calm(w)
		w.sentAhead = false
	}
	if due != "" && w.due == "" {
		w.due = due
		p.wake()
	}
	p.mu.Unlock()
	switch {
	case w.wantsOut: // said behind an earlier answer
		p.dismiss(w, errWantsOut)
	case tail:
		go p.settleAndHandBack(w)
	default:
		w.send(next)
		p.handBack(w)
	}
}

func (p *Pool) cautious() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loopless.suspected()
}

// handBack ends a turn: the worker goes to the request that waits longest, or
// to the idle ones, or away.
func (p *Pool) handBack(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.endTurn(w) && w.state == StateBusy {
		if w.retiring {
			p.letGo(w, w.due)
		} else {
			p.offer(w)
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
	w.state = StateIdle
	w.idleSince = time.Now()
	p.idle = append(p.idle, w)
	if w.due != "" { // used last
		copy(p.idle[1:], p.idle)
		p.idle[0] = w
	}
}

// dismiss ends a turn whose worker is of no use any more.
func (p *Pool) dismiss(w *worker, err error) {
	w.child.lastWords()
	w.settled = false
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endTurn(w)
	reason := ReasonCrash
	switch err {
	case errWantsOut:
		reason = ReasonRestart
	case ErrStreamIdle, ErrTimeout:
		reason = ReasonTimeout
	}
	p.sendAway(w, reason, err != errWantsOut)
	p.checkDrained()
}

// sendAway makes the owner end the worker. It needs the lock. In a hurry the
// worker is not asked first; that can be said later, too.
func (p *Pool) sendAway(w *worker, reason Reason, hurry bool) {
	if w.state == StateStopping || w.state == StateGone {
		return
	}
	if w.state == StateIdle {
		p.notIdle(w)
	}
	w.state = StateStopping
	if w.due != "" && reason == "" {
		reason = w.due
	}
	w.reason = reason
	w.hurry = hurry
	close(w.leave)
	p.wake()
}

// letGo sends a worker away that has no request and that nobody has a turn at. One
// that still works on after its answer keeps its turn until that is done, as one
// with a request does. It needs the lock.
func (p *Pool) letGo(w *worker, reason Reason) {
	if w.settled {
		p.sendAway(w, reason, false)
		return
	}
	p.finishWork(w)
	if !w.retiring {
		p.retire(w, reason)
	}
}

// finishWork takes a turn at a worker that nobody has one at, until it asks for
// its next request. It needs the lock.
func (p *Pool) finishWork(w *worker) {
	if w.state == StateIdle {
		p.notIdle(w)
	}
	p.takeTurn(w)
	w.settling = true
	go p.settleAndHandBack(w)
}

// notIdle takes a worker off the stack. It needs the lock.
func (p *Pool) notIdle(w *worker) {
	i := slices.Index(p.idle, w)
	p.idle = slices.Delete(p.idle, i, i+1)
}
