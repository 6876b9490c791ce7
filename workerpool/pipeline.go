package workerpool

import (
	"io"
	"os"
	"time"
)

// A busy worker may be sent one more request, so that it finds work when it has
// answered and neither side sleeps. Only the request at the front is running; the
// one behind it lies in the pipe, or in PHP's buffer, and has not been begun: a
// worker answers in order. So it can always be given to another worker, whatever
// its method, when this one is lost or takes long.
//
// The one behind is sent by the goroutine of the request that was the front just
// before, or by the front's own when the worker has said that it is done with the
// turn before: so only who holds the turn writes requests to a worker, and takes
// them back.
const (
	// shortTurn is how long recent requests may have run on average for the
	// next one to be sent ahead: where they run longer, that gains nothing.
	// Each counts for one in averageOf.
	shortTurn = 750 * time.Microsecond
	averageOf = 64
	// longTurn is the time that ends sending ahead for the next calmTurns
	// requests: nobody should wait behind such a one.
	longTurn  = 5 * time.Millisecond
	calmTurns = 256
	// streamMemory is how long nothing is sent ahead after a stream: the 3.x
	// client drops requests that it finds while it looks for a stop frame.
	streamMemory = time.Minute
)

// pace says whether requests are sent ahead. The pool's lock guards it.
type pace struct {
	// shortTurn and longTurn, but for tests.
	short, long time.Duration

	average  time.Duration // of recent turns
	restless int           // how many turns must still be seen that are not long
	streamed time.Time     // when the last stream began
	// For Snapshot and tests: requests sent ahead, and those of them that were
	// taken back.
	ahead, recalled int64
}

// turnTook notes how long a turn lasted. It needs the lock.
func (c *pace) turnTook(d time.Duration) {
	c.average += (d - c.average) / averageOf
	if d > c.long {
		c.restless = calmTurns
	} else if c.restless > 0 {
		c.restless--
	}
}

// feed sends the request that waits longest to w, behind the one that w is at, if
// that pays: while many more wait than there are workers, and none takes long.
// It is for whoever holds the turn, once w is settled.
func (p *Pool) feed(w *worker) {
	if w.behind != nil || w.extra > 0 || !p.pipelines(w) {
		return
	}
	p.mu.Lock()
	w.behind = p.next(w, 0)
	p.mu.Unlock()
	w.send(w.behind)
}

// send sends a request ahead.
func (w *worker) send(wt *waiter) {
	if wt != nil {
		wt.sent, wt.err = w.conn.Write(wt.ahead)
	}
}

// pipelines reports whether w may be sent requests ahead at all. It is for whoever
// holds the turn.
func (p *Pool) pipelines(w *worker) bool {
	return !p.config.NoPipeline && w.child.chosen.tap != nil && !w.slowTail
}

// next takes the request out of the queue that may be sent to w now, behind so many
// bytes that it may not have read. It needs the lock.
func (p *Pool) next(w *worker, unread int) *waiter {
	wt := p.queue.head
	switch {
	case !p.pipelines(w):
		return nil
	case wt == nil || wt.ahead == nil || p.queue.len < len(p.workers) || len(p.idle) > 0:
		return nil
	case w.state != StateBusy || w.retiring || w.due != "" || unread+len(wt.ahead) > recallLimit:
		return nil
	case w.maxTurns > 0 && w.served.Load()+2 > w.maxTurns:
		return nil
	case p.pace.average > p.pace.short || p.pace.restless > 0 || p.loopless.suspected():
		return nil
	case !p.pace.streamed.IsZero() && time.Since(p.pace.streamed) < streamMemory:
		return nil
	}
	p.queue.pop()
	p.pace.ahead++
	return wt
}

// alsoSent adds what was sent behind a request to the sent bytes of its own.
func (w *worker) alsoSent(sent int) int {
	if sent > 0 && w.behind != nil {
		sent += w.behind.sent
	}
	return sent
}

// passOn makes the request behind, if there is one, the front: the turn goes on
// with it. It needs the lock.
func (p *Pool) passOn(w *worker) bool {
	wt := w.behind
	if wt == nil {
		return false
	}
	p.calm(w)
	w.behind, w.second, w.sentAhead = w.second, nil, true
	w.nudged = w.afterStream
	w.turnStart = time.Now()
	wt.outcome <- outcome{w: w, ahead: true}
	return true
}

// recall takes the request behind back and lets it wait in the queue again, as
// the first. It reports false where the worker has read it already. It is for
// whoever holds the turn.
func (p *Pool) recall(w *worker) (bool, error) {
	wt := w.behind
	if wt == nil || wt.err != nil {
		return false, nil
	}
	taken, err := w.child.chosen.tap.takeBack(wt.sent)
	if !taken && err == nil {
		return false, nil
	}
	p.recalled(w)
	return true, err
}

// recalled lets the request behind, if there is one, wait again.
func (p *Pool) recalled(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wt := w.behind; wt != nil {
		w.behind = nil
		p.pace.recalled++
		p.requeue(wt)
	}
}

// requeue lets a request wait again that was sent ahead, in front of the others.
// It needs the lock.
func (p *Pool) requeue(wt *waiter) {
	if wt.left {
		wt.outcome <- outcome{err: errTakenBack}
	} else if w := p.takeIdle(); w != nil {
		wt.outcome <- outcome{w: w}
	} else {
		p.queue.pushFront(wt)
		if !p.watching {
			p.watching = true
			p.wake()
		}
	}
}

// longAnswer prepares for an answer that comes in pieces and may take as long as
// its reader: nobody shall wait behind it.
func (p *Pool) longAnswer(w *worker, stream bool) error {
	p.mu.Lock()
	p.calm(w)
	w.nudged = true // a deadline would break the answer
	if stream {
		p.pace.streamed = time.Now()
	}
	p.mu.Unlock()
	_, err := p.recall(w)
	return err
}

// nudged is for the front whose read has been interrupted: while it is not
// settled it takes its own request back, later the one behind it.
func (t *Turn) nudged() error {
	p, w := t.pool, t.worker
	_ = w.conn.SetReadDeadline(time.Time{})
	if t.expired.Load() {
		return os.ErrDeadlineExceeded
	}
	if w.over.Load() {
		return io.EOF
	}
	p.mu.Lock()
	w.nudged = w.behind != nil // once is enough
	w.sentAhead = false
	p.mu.Unlock()
	if w.settled {
		_, err := p.recall(w)
		return err
	}
	taken, err := w.child.chosen.tap.takeBack(w.alsoSent(t.sent))
	if !taken {
		return err
	}
	p.recalled(w)
	return errTakenBack
}

// afterStream reads the answer to a request that lay behind one that turned out
// to stream, and that could not be taken back. The 3.x client may have dropped
// it, and any of the pid frames around it. Two of those lie behind it for sure,
// and at most one before it: two without an answer say that it has been dropped.
// What the worker says from now on cannot be told apart, so it has to go.
func (t *Turn) afterStream() error {
	w := t.worker
	w.afterStream, w.wantsOut = false, true
	w.settled = true // for all we know it may have begun
	for pids := 0; ; {
		if err := w.readFrame(&t.Frame); err != nil {
			return err
		}
		if !t.Frame.IsControl() {
			return nil
		}
		t.Frame.Release()
		if pids++; pids == 2 {
			return errSwallowed
		}
	}
}

// nudge interrupts, once a turn, the reads of turns that take longer than
// longTail while another request is sent ahead: whoever reads then takes it back.
// It reports whether there are such turns at all. It needs the lock.
func (p *Pool) nudge(now time.Time) (piped bool) {
	for w := range p.workers {
		if w.state != StateBusy || w.behind == nil && !w.sentAhead {
			continue
		}
		piped = true
		if !w.nudged && now.Sub(w.turnStart) > longTail {
			w.nudged = true
			_ = w.conn.SetReadDeadline(now)
		}
	}
	return piped
}

// calm takes a nudge back that nobody has felt. It needs the lock.
func (p *Pool) calm(w *worker) {
	if w.nudged {
		w.nudged = false
		_ = w.conn.SetReadDeadline(time.Time{})
	}
}
