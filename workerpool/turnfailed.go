package workerpool

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// turnFailed ends a turn whose worker failed, and says what is known about it. The worker is ended
// first: only of one that can read no more is it certain that it has not read a request.
func (p *Pool) turnFailed(t *Turn, err error) error {
	w := t.worker
	w.link.GiveUp()
	w.link.FlushText()
	p.leaveAhead(w, false)
	reason := ReasonCrash
	switch {
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrStreamIdle):
		reason = ReasonTimeout
	case errors.Is(err, link.ErrAskedToStop), errors.Is(err, link.ErrCanceled):
		reason = ReasonRestart
	}
	p.mu.Lock()
	if !w.turnStart.IsZero() {
		p.pace.turnTook(time.Since(w.turnStart))
	}
	killed := w.phase == stopping && w.force && w.reason != ReasonCrash
	p.stop(w, reason, reason != ReasonRestart)
	if w.overdue {
		err, reason, w.blamed = p.overdueError(err), ReasonTimeout, true
	}
	switch {
	case w.cut && (err == io.EOF || err == io.ErrUnexpectedEOF):
		err = ErrCut
	case w.cut:
		err = fmt.Errorf("%w: %w", ErrCut, err)
	}
	p.mu.Unlock()
	defer p.endFailed(w)

	if errors.Is(err, goridge.ErrShortBody) {
		return err // not the worker's fault
	}
	// A worker that asks to be replaced instead of answering declines: RoadRunner, too, gives
	// the request to another one then.
	e := &WorkerError{PID: int(w.pid.Load()), Err: err, After: time.Since(t.start), Unread: errors.Is(err, link.ErrAskedToStop), killed: killed}
	if reason != ReasonRestart { // its exit status and last words tell more than the broken relay
		patience := time.NewTimer(lastWordsOf(reason))
		defer patience.Stop()
		select {
		case <-w.outputDone:
			e.Exit, _ = w.child.Exit()
			e.Unread = reason == ReasonCrash && w.link.NeverRead()
			e.killed = e.killed || timeUp(w)
		case <-patience.C:
		}
		var write *goridge.WriteError
		e.Unread = e.Unread || reason == ReasonCrash && errors.As(err, &write) && write.SafeToRetry()
	}
	e.Output = w.child.Tail()
	p.mu.Lock()
	w.diedAtWork = !e.Unread
	p.mu.Unlock()
	return e
}

// timeUp reports whether PHP has ended w because of a limit that the application has set itself, by
// set_time_limit.
func timeUp(w *worker) bool {
	_, fatal := w.child.Transcript()
	return strings.Contains(fatal, "Maximum execution time of ")
}

// lastWordsOf is how long the end of a worker is waited for that failed: a crash has happened
// already, but PHP whose time is up has a moment only to tell where it is.
func lastWordsOf(reason Reason) time.Duration {
	if reason == ReasonTimeout {
		return 500 * time.Millisecond // then it gets SIGTERM
	}
	return 1500 * time.Millisecond
}

// endFailed ends the turn at a worker that has been sent away.
func (p *Pool) endFailed(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endTurn(w)
	p.checkDrained()
}
