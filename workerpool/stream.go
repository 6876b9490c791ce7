package workerpool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Open reports whether more is to come: further frames, or the rest of Frame.
func (t *Turn) Open() bool { return t.open }

// Next replaces Frame by the next one of a stream, and blocks until it is there.
// It returns io.EOF after the last. The rest of Frame must have been read. Any
// other error means that the answer is broken off.
func (t *Turn) Next() error {
	return t.next(t.pool.config.StreamIdleTimeout, ErrStreamIdle)
}

// NextHead is Next for a frame behind which the answer has not begun yet: the
// time limit of the request goes on, so that ErrTimeout is possible, and a
// silence is none within a stream. Without such a limit it is Next.
func (t *Turn) NextHead() error {
	limit := t.pool.config.RequestTimeout
	if limit <= 0 {
		return t.Next()
	}
	return t.next(max(1, limit-time.Since(t.start)), ErrTimeout)
}

// next is Next with a time limit; 0: none.
func (t *Turn) next(limit time.Duration, late error) error {
	if !t.open {
		return io.EOF
	}
	w := t.worker
	last := !t.Frame.More()
	t.Frame.Release()
	if last { // its rest has been read by now
		t.end()
		return io.EOF
	}
	var soft *SoftError
	err := t.timed(limit, late, func() (err error) {
		for {
			err := w.readError(w.link.Answer(&t.Frame))
			if err == nil && t.Frame.IsError() {
				soft, err = t.softError()
				return err
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) || t.expired.Load() {
				return err
			}
			t.pool.takesLong(w) // an interruption that came too late: nothing is ahead any more
			if t.expired.Load() {
				return err
			}
		}
	})
	if err != nil {
		return t.broken(err)
	}
	if soft != nil {
		t.end()
		return soft
	}
	if t.whole() {
		t.end()
	}
	return nil
}

// end closes an answer of several frames, or a long one, that has been read in full.
func (t *Turn) end() {
	late := t.close()
	t.worker.link.Finish(t.stopped)
	t.finish(late)
}

// broken ends the turn of a worker that failed within an answer.
func (t *Turn) broken(err error) error {
	if late := t.close(); late {
		err = fmt.Errorf("%w after it was canceled: %w", ErrStreamIdle, err)
	}
	after := time.Since(t.start)
	err = t.pool.turnFailed(t, err)
	if lost, ok := errors.AsType[*WorkerError](err); ok {
		lost.After, lost.Unread = after, false
	}
	return err
}

// Cancel asks the worker to end its stream: a stop frame, and the kill ladder if
// it has not ended within the pool's StopTimeout. An answer in one long frame has only so
// long to come to its end. It may be called from any goroutine, at any time and more than once.
func (t *Turn) Cancel() {
	if t.canceled.Swap(true) {
		return
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.ended {
		return
	}
	t.killer = time.AfterFunc(t.pool.config.StopTimeout, t.expire)
	if !t.streamed {
		return
	}
	t.stopped = true
	sent, conversation := make(chan struct{}), t.worker.link
	t.stopSent = sent
	go func() { // a full pipe must not hold the caller
		defer close(sent)
		conversation.Stop()
	}()
}

// Cut reports whether Cancel has been called: the worker ends a stream that it is asked to stop as if it were whole.
func (t *Turn) Cut() bool { return t.canceled.Load() }

// Close ends the turn and releases Frame. A stream that has not come to its end
// is canceled, and drained in the background. Idempotent.
func (t *Turn) Close() {
	if t.closed { // it may be draining
		return
	}
	t.closed = true
	if !t.open {
		t.Frame.Release()
		return
	}
	t.Cancel()
	go func() {
		for t.open {
			if _, err := io.Copy(io.Discard, &t.Frame); err != nil {
				_ = t.broken(err)
				t.Frame.Release()
				return
			}
			if t.Next() != nil {
				return
			}
		}
		t.Frame.Release()
	}()
}
