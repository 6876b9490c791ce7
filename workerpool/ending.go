package workerpool

import (
	"errors"
	"io"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// The endings of a worker, from the most patient to the least:
//
//	retire  it finishes what it has begun, and gets nothing new; then it is stopped
//	stop    its owner ends the process: stop frame, SIGTERM, SIGKILL; with force without the frame
//	cut     is stop with force, and the request that it has fails with ErrCut
//
// drop and turnFailed are for the goroutine that has a turn at a worker which is of no use any
// more: they end the turn as well.

// retire takes a worker out of service. One that nobody has a turn at, and that is ready, is stopped at
// once. Any other may take as long as DrainTimeout says: for its request, or stream, and for what PHP
// does after its last answer. It needs the lock.
func (p *Pool) retire(w *worker, reason Reason) {
	if !w.isServing() {
		return
	}
	if w.turn == noTurn {
		if w.link.Ready() {
			p.stop(w, reason, false)
			return
		}
		p.finish(w)
	}
	if w.phase == serving {
		w.phase, w.due = retiring, reason
		w.retireBy = time.Now().Add(p.config.DrainTimeout)
		p.wake()
	}
}

// stop makes the owner end the process. One that is being stopped already stays as it is. It needs
// the lock.
func (p *Pool) stop(w *worker, reason Reason, force bool) {
	if w.phase >= stopping {
		return
	}
	if w.phase == serving && w.turn == noTurn {
		p.notIdle(w)
	}
	w.phase, w.reason, w.force = stopping, reason, force
	w.leave()
	p.wake()
}

// hasten adds force to the end of a worker that is being stopped. It needs the lock.
func (w *worker) hasten() {
	if w.phase == stopping && !w.force {
		w.force = true
		close(w.hastened)
	}
}

// cut stops a worker whatever it is at. It needs the lock.
func (p *Pool) cut(w *worker, reason Reason) {
	w.cut = w.cut || w.isBusy() && w.turn != finishing
	p.stop(w, reason, true)
}

// drop ends a turn that has no request, or whose request has not begun, because of an error.
func (p *Pool) drop(w *worker, err error) {
	w.link.FlushText()
	p.leaveAhead(w, false)
	reason, force := ReasonCrash, true
	switch {
	case err == link.ErrAskedToStop, err == link.ErrLeft, err == link.ErrAbandonedStream, errors.Is(err, link.ErrCanceled):
		reason, force = ReasonRestart, err == link.ErrAbandonedStream
	case err == ErrStreamIdle, err == ErrTimeout:
		reason = ReasonTimeout
	case err == io.EOF, err == io.ErrUnexpectedEOF: // it has ended
		if w.answeredOnly() {
			reason, force = ReasonMaxRequests, false
		}
	default:
		p.Log().Error("worker ended: it said what does not fit", zap.Int64("pid", w.pid.Load()), zap.Error(err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop(w, reason, force)
	p.endTurn(w)
	p.checkDrained()
}

// finish takes a turn at a worker that nobody has one at, until it asks for its next request. It
// needs the lock.
func (p *Pool) finish(w *worker) {
	if w.phase == serving {
		p.notIdle(w)
	}
	p.takeTurn(w)
	w.turn = finishing
	go p.awaitReady(w)
}

// notIdle takes a worker off the stack. It needs the lock.
func (p *Pool) notIdle(w *worker) {
	i := slices.Index(p.idle, w)
	p.idle = slices.Delete(p.idle, i, i+1)
}

// end ends the process of a worker that is stopping, and returns when it has been reaped.
func (w *worker) end() {
	p := w.pool
	p.mu.Lock()
	l := ladderOf(w.reason, w.force, w.leftAhead, p.config.StopTimeout)
	p.mu.Unlock()
	if l.trace {
		w.child.TimeIsUp()
	}
	if l.ask && w.link.AskToLeave() != nil && !w.generation.traits.OneRequest { // which may be ending already
		l.term = 0
	}
	term := time.AfterFunc(l.term, w.child.Terminate)
	kill := time.AfterFunc(l.kill, w.child.Kill)
	defer term.Stop()
	defer kill.Stop()
	hastened := w.hastened
	for {
		select {
		case <-w.child.Done():
			return
		case <-hastened:
			hastened = nil
			w.child.Terminate()
			kill.Reset(min(l.kill, forcedKill))
		case <-p.killAll:
			w.child.Kill()
			<-w.child.Done()
			return
		}
	}
}
