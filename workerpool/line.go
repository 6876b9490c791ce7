package workerpool

import (
	"io"
	"os"
	"slices"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// A busy worker may be sent more requests, so that it finds work when it has
// answered and neither side sleeps. Only the request at the front is running; those
// behind it are its line: they lie in the pipe, or in PHP's buffer, and have not been
// begun, for a worker answers in order. So each can always be given to another worker,
// whatever its method, when this one is lost; and what still lies in the pipe also
// when the front takes long.
//
// When the last of the line becomes the front, or, where turns may be long, when it has
// surely been read, the next ones are sent, in one write: a worker that sleeps is woken
// once for all of them. More than one lie behind the
// front only where all of them may be repeated: see longAnswer.
//
// They are sent by the goroutine of the request that was the front just before, or by
// the front's own when the worker has said that it is done with the turn before: so
// only who holds the turn writes requests to a worker, and takes them back.

// batchLimit is the most that several requests are together, in bytes: a pipe takes it
// in one piece, and PHP must not find a part of a header.
const batchLimit = 4096

// feed sends the requests that wait longest to w, behind the one that w is at, if
// that pays: while at least as many wait as there are workers, and few take long.
// It is for whoever holds the turn, which has sent so many bytes of its own that may
// not have been read, once w is settled.
func (p *Pool) feed(w *worker, unread int) {
	if len(w.line) > 0 || w.extra > 0 || !p.pipelines(w) {
		return
	}
	p.mu.Lock()
	next := p.lineUp(w, 1, unread)
	p.mu.Unlock()
	w.send(next)
}

// send sends requests ahead.
func (w *worker) send(next []*waiter) {
	switch len(next) {
	case 0:
		return
	case 1:
		next[0].sent, next[0].err = w.conn.Write(next[0].ahead)
		return
	}
	w.batch = w.batch[:0]
	for _, wt := range next {
		w.batch = append(w.batch, wt.ahead...)
	}
	n, err := w.conn.Write(w.batch)
	for _, wt := range next {
		wt.sent, wt.err = min(n, len(wt.ahead)), nil
		if n -= wt.sent; wt.sent < len(wt.ahead) {
			wt.err = &goridge.WriteError{Op: "writing a frame", Sent: int64(wt.sent), Err: err}
		}
	}
}

// pipelines reports whether w may be sent requests ahead at all. It is for whoever
// holds the turn.
func (p *Pool) pipelines(w *worker) bool {
	return !p.config.NoPipeline && w.child.chosen.tap != nil && !w.slowTail
}

// lineUp takes the requests out of the queue that may be sent to w now, and puts them
// to the end of its line; w has so many requests before it has done the last one, and
// so many bytes of them that it may not have read. What it returns is valid until the
// turn passes on. It needs the lock.
func (p *Pool) lineUp(w *worker, turns, unread int) []*waiter {
	switch {
	case !p.pipelines(w) || w.state != StateBusy || w.retiring || w.due != "":
		return nil
	case len(p.idle) > 0 || p.loopless.suspected():
		return nil
	}
	have, size := len(w.line), 0
	// Each worker gets its share of those that wait.
	for room := min(p.pace.depth(), p.queue.len/len(p.workers)); room > 0; room-- {
		wt := p.queue.head
		several := len(w.line) > have
		switch {
		case wt.ahead == nil || unread+size+len(wt.ahead) > recallLimit:
			room = 0
		case !wt.repeatable && !p.pace.even():
			room = 0
		case several && (size+len(wt.ahead) > batchLimit || !wt.repeatable || !w.line[have].repeatable):
			room = 0
		case w.maxTurns > 0 && w.served.Load()+int64(turns+len(w.line)-have)+1 > w.maxTurns:
			room = 0
		default:
			size += len(wt.ahead)
			w.line = append(w.line, p.queue.pop())
		}
	}
	p.pace.ahead += int64(len(w.line) - have)
	return w.line[have:]
}

// unread is how many bytes of the line the worker may not have read.
func unread(line []*waiter) (n int) {
	for _, wt := range line {
		n += wt.sent
	}
	return n
}

// passOn makes the first of the line, if there is one, the front: the turn goes on
// with it. It needs the lock.
func (p *Pool) passOn(w *worker) bool {
	if len(w.line) == 0 {
		return false
	}
	p.calm(w)
	wt := w.line[0]
	w.line = slices.Delete(w.line, 0, 1)
	w.sentAhead, w.nudgedAgain = true, false
	w.nudged = w.afterStream
	w.turnStart = time.Now()
	wt.outcome <- outcome{w: w, ahead: true}
	return true
}

// alsoSent adds what was sent behind a request to the sent bytes of its own.
func (w *worker) alsoSent(sent int) int {
	if sent > 0 {
		sent += unread(w.line)
	}
	return sent
}

// recall takes back what still lies in the pipe of the line, which waits in the
// queue again then. It is for whoever holds the turn.
func (p *Pool) recall(w *worker) error {
	if len(w.line) == 0 || w.line[len(w.line)-1].err != nil {
		return nil
	}
	level := w.child.chosen.tap.level()
	for i := range w.line {
		if unread(w.line[i:]) == level {
			taken, err := w.child.chosen.tap.takeBack(level)
			if taken || err != nil {
				p.requeue(w, i)
			}
			return err
		}
	}
	return nil
}

// requeue lets the line from i on wait again, in front of the others.
func (p *Pool) requeue(w *worker, i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace.recalled += int64(len(w.line) - i)
	waiting := w.line[i:i]
	for _, wt := range w.line[i:] {
		if wt.left {
			wt.outcome <- outcome{err: errTakenBack}
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
	w.line = slices.Delete(w.line, i, len(w.line))
	if p.queue.len > 0 && !p.watching {
		p.watching = true
		p.wake()
	}
}

// longAnswer prepares for an answer that comes in pieces and may take as long as
// its reader: nobody shall wait behind it. What PHP has read already and must not be
// repeated has to.
//
// Behind a stream the 3.x client may drop what it finds, so that of several the next
// answer could be the one to any; with a single one it can be told.
func (p *Pool) longAnswer(w *worker, stream bool) error {
	p.mu.Lock()
	p.calm(w)
	w.nudged = true // a deadline would break the answer
	if stream {
		p.pace.streamed = time.Now()
	}
	p.pace.pieces = true
	p.mu.Unlock()
	err := p.recall(w)
	p.leaveLine(w)
	if stream && w.abandoned > 0 {
		w.wantsOut = true
	}
	return err
}

// leaveLine repeats requests elsewhere that w has read and not begun, if they may be
// repeated. It carries them out, too, and what it answers then is dropped: see settle.
// It is for whoever holds the turn.
func (p *Pool) leaveLine(w *worker) {
	if !w.mayLeave() {
		return
	}
	w.abandoned += len(w.line)
	w.doubt += len(w.line)
	for _, wt := range w.line {
		wt.ahead = nil // once is enough
	}
	p.requeue(w, 0)
}

// mayLeave says that there is a line of requests that may be repeated, as several
// always may.
func (w *worker) mayLeave() bool { return len(w.line) > 0 && w.line[0].repeatable }

// nudged is for the front whose read has been interrupted: while it is not
// settled it takes its own request back, later its line; much later it leaves a line
// that cannot be taken back.
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
	w.nudged = w.settled && len(w.line) > 0 // once is enough
	w.nudgedAgain = w.nudgedAgain && w.settled
	w.sentAhead = false
	leave := w.nudgedAgain || time.Since(t.start) > p.pace.tooLong
	p.mu.Unlock()
	if w.settled {
		err := p.recall(w)
		if leave && w.child.waiting() == 0 { // else the answer has come meanwhile
			p.leaveLine(w)
			if w.abandoned > 0 {
				t.sent = 0 // what lay behind it has been read
			}
		}
		return err
	}
	taken, err := w.child.chosen.tap.takeBack(w.alsoSent(t.sent))
	if !taken {
		return err
	}
	p.requeue(w, 0)
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
// longTail while there is a line: whoever reads then takes it back. It does so once
// more where they take tooLong, and the line may be left. It reports whether there are
// such turns at all. It needs the lock.
func (p *Pool) nudge(now time.Time) (piped bool) {
	for w := range p.workers {
		if w.state != StateBusy || len(w.line) == 0 && !w.sentAhead {
			continue
		}
		piped = true
		took := now.Sub(w.turnStart)
		if took > p.pace.long { // and it is not over yet
			p.pace.restless = evenTurns
		}
		if again := took > p.pace.tooLong && w.mayLeave() && !w.nudgedAgain; again || !w.nudged && took > longTail {
			w.nudged, w.nudgedAgain = true, again
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
