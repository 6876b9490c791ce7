package workerpool

import (
	"errors"
	"os"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// lost ends a turn whose worker failed, and says what is known about it. sent is
// the number of bytes of a request that may be waiting in the relay.
func (p *Pool) lost(w *worker, err error, sent int) error {
	unread := safeToRetry(err) || overByItself(err) && (!w.settled || w.child.unread(w.alsoSent(sent)))
	w.child.lastWords()
	_ = p.recall(w)
	w.settled = false
	_ = w.conn.SetReadDeadline(time.Time{}) // for who is behind
	p.mu.Lock()
	if !w.turnStart.IsZero() {
		p.pace.turnTook(time.Since(w.turnStart))
	}
	p.endTurn(w)
	reason := ReasonCrash
	if errors.Is(err, ErrTimeout) || errors.Is(err, ErrStreamIdle) {
		reason = ReasonTimeout
	}
	p.sendAway(w, reason, true)
	p.checkDrained()
	p.mu.Unlock()

	if errors.Is(err, goridge.ErrShortBody) {
		return err // not the worker's fault
	}
	e := &WorkerError{PID: int(w.pid.Load()), Err: err, Unread: unread && reason == ReasonCrash}
	if reason == ReasonCrash { // its exit status and last words tell more than the broken relay
		patience := time.NewTimer(1500 * time.Millisecond)
		defer patience.Stop()
		select {
		case <-w.silent:
			e.Exit, _ = w.child.Exit()
		case <-patience.C:
		}
	}
	e.Output = w.out.tail()
	return e
}

// overByItself reports whether the worker ended its relay, so that all it ever
// said has been read and it will read nothing more. One that talks nonsense, or
// whose relay we have closed or given up within an answer, may still read what lies in
// the pipe.
func overByItself(err error) bool {
	var nonsense *goridge.FrameError
	return !errors.As(err, &nonsense) && !errors.Is(err, goridge.ErrClosed) && !errors.Is(err, goridge.ErrNotDrained) && !errors.Is(err, os.ErrDeadlineExceeded)
}

func safeToRetry(err error) bool {
	var write *goridge.WriteError
	return errors.As(err, &write) && write.SafeToRetry()
}
