package workerpool

import (
	"context"
	"slices"
	"time"
)

// While many short requests wait, a busy worker is sent the next ones already, so that it finds
// work when it has answered and neither side sleeps. Only requests that may be carried out twice are
// sent ahead: they can be taken away from the worker at any time, and then other workers execute
// them, whatever this one does with them. So a repeatable request may be executed twice even where
// nothing fails. Any other request is sent only to a worker that is ready.
//
// Only the goroutine that holds the worker's turn sends it requests. The turn passes from
// each request to the next.

// sendAhead sends the requests that wait longest to w, behind the one that w is at, if
// that pays. Only the goroutine that has the turn may call it, when its request has been sent.
func (p *Pool) sendAhead(w *worker) {
	if len(w.ahead) > 0 || p.config.NoPipeline || w.worksLate || p.queue.length() == 0 {
		return // without the lock: most requests find nobody waiting
	}
	p.mu.Lock()
	p.pickAhead(w)
	p.mu.Unlock()
	w.link.Flush()
}

// pickAhead takes the requests that may be sent to w now out of the queue and adds them to
// those ahead; w is at one request besides, or about to begin with it. It reports whether there are any: they are
// sent with the next Flush. It needs the lock, and the turn.
func (p *Pool) pickAhead(w *worker) (any bool) {
	switch {
	case p.config.NoPipeline || w.worksLate || w.phase != serving || p.due(w) != "":
		return false
	case len(p.idle) > 0 || p.oneShot.suspected() || w.generation.traits.OneRequest:
		return false
	}
	have, size := len(w.ahead), 0
	// Each worker gets its share of those that wait.
	for room := min(p.pace.depth(), p.queue.length()/len(p.workers)); room > 0; room-- {
		wt := p.queue.head
		if wt.request == nil {
			break
		}
		if w.maxTurns > 0 && w.served.Load()+int64(1+len(w.ahead)-have)+1 > w.maxTurns {
			break
		}
		n := w.link.Size(wt.request)
		if !w.link.MayAhead(n, size) {
			break
		}
		size += n
		wt.number = w.link.Ahead(wt.request)
		w.ahead = append(w.ahead, p.queue.pop())
		p.pace.ahead++
	}
	return len(w.ahead) > have
}

// promote passes the turn on to the first request that was sent ahead, if there is one. It needs
// the lock.
func (p *Pool) promote(w *worker) bool {
	if len(w.ahead) == 0 {
		return false
	}
	p.clearInterrupt(w)
	wt := w.ahead[0]
	w.ahead = slices.Delete(w.ahead, 0, 1)
	w.turn = promoted
	w.turnStart = time.Now()
	wt.outcome <- outcome{w: w, ahead: true}
	return true
}

// leaveAhead takes the requests that were sent ahead away from w: they wait in the queue again, in
// front of the others, and are not sent ahead any more. goesOn says that the worker is not ended, so
// it will execute them, too. Only the goroutine that has the turn may call it.
func (p *Pool) leaveAhead(w *worker, goesOn bool) {
	w.link.Leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearInterrupt(w)
	p.pace.left += int64(len(w.ahead))
	w.leftAhead = w.leftAhead || len(w.ahead) > 0
	waiting := w.ahead[:0]
	for _, wt := range w.ahead {
		wt.request, wt.left = nil, goesOn
		if wt.gaveUp {
			wt.outcome <- outcome{err: context.Canceled}
		} else if p.state == poolClosed { // nobody looks at the queue any more
			wt.outcome <- outcome{err: ErrClosed}
		} else if other := p.takeIdle(); other != nil {
			wt.outcome <- outcome{w: other}
		} else {
			waiting = append(waiting, wt)
		}
	}
	for _, wt := range slices.Backward(waiting) {
		p.queue.pushFront(wt)
	}
	clear(w.ahead)
	w.ahead = w.ahead[:0]
	if p.queue.length() > 0 && !p.watching {
		p.watching = true
		p.wake()
	}
}

// beforeStreaming is called before an answer in several frames, or a long one. A slow client could
// stretch it, so nobody may wait behind it.
func (p *Pool) beforeStreaming(w *worker) {
	p.mu.Lock()
	p.pace.sawStream()
	p.mu.Unlock()
	p.leaveAhead(w, true)
}

// interruptLong interrupts the reading of turns that have lasted for tooLong while requests wait
// behind them, or while the turn's own request waits to become the front. The reader then calls
// takesLong. It reports whether there are turns that may come to that. It needs the lock.
func (p *Pool) interruptLong(now time.Time) (any bool) {
	for w := range p.workers {
		if !w.isBusy() || len(w.ahead) == 0 && w.turn != promoted {
			continue
		}
		any = true
		if w.interrupted { // and its reader has not noticed yet
			continue
		}
		took := now.Sub(w.turnStart)
		if took > p.pace.long { // and it is not over yet
			p.pace.sawLong()
		}
		if took > p.pace.tooLong && w.link.Interrupt() {
			w.interrupted = true
		}
	}
	return any
}

// takesLong clears an interruption that the reader of the turn has noticed. It reports whether the
// turn does take long: the interruption may have been meant for the turn before.
func (p *Pool) takesLong(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.interrupted = true // the deadline may outlive the mark
	p.clearInterrupt(w)
	return time.Since(w.turnStart) > p.pace.tooLong
}

// wasInterrupted clears an interruption, and reports whether there was one, in a turn without a request.
func (p *Pool) wasInterrupted(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	interrupted := w.interrupted
	p.clearInterrupt(w)
	return interrupted
}

// clearInterrupt clears a pending interruption. It needs the lock.
func (p *Pool) clearInterrupt(w *worker) {
	if w.interrupted {
		w.interrupted = false
		w.link.ClearInterrupt()
	}
}

// turnBegins notes that the request of the turn, which was sent ahead, is the front now.
func (p *Pool) turnBegins(w *worker, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.turn = running
	w.turnStart = now
	w.cpu = cpuMark{}
}
