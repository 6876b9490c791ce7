package workerpool

import (
	"context"
	"errors"
	"time"
)

// maxUnread bounds how often a request goes to another worker because it was never read.
const maxUnread = 16

// retry decides what comes of the request of t, whose turn has ended with err: on nil it goes to another
// worker, else that is the error of Exec. A worker that has failed is ended first. A request for which nobody
// waits any more goes nowhere, nor does one whose time is up.
func (p *Pool) retry(ctx context.Context, t *Turn, err error) error {
	var lost *WorkerError
	if waited, ok := errors.AsType[*notBegun](err); ok {
		if ctx.Err() != nil { // it may have been sent ahead
			return context.Cause(ctx)
		}
		if waited.err == nil { // nobody was lost: that worker is only too busy
			return nil
		}
		lost = &WorkerError{PID: t.PID, Err: waited.err, Output: t.worker.child.Tail(), Unread: true}
	} else {
		err = p.turnFailed(t, err)
		t.since = t.since.Add(time.Since(t.start)) // that was no waiting
		if lost, ok = errors.AsType[*WorkerError](err); !ok || errors.Is(err, ErrTimeout) || ctx.Err() != nil {
			return err
		}
	}
	if !t.mayRepeat(lost) {
		return lost
	}
	t.Retries++
	t.repeated = t.repeated || !lost.Unread
	return nil
}

// mayRepeat is the rule after a worker was lost. What it has not read is safe with another one. What it may have
// begun with is carried out a second time only if it is Repeatable, and only once; not besides a worker that goes
// on and may come to it (left), nor if that worker was killed for the request.
func (t *Turn) mayRepeat(lost *WorkerError) bool {
	if lost.Unread {
		return t.Retries < maxUnread
	}
	return t.req.Repeatable && !t.repeated && !t.left && !lost.killed
}
