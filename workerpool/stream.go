package workerpool

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
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
	err := t.timed(limit, late, func() error {
		for {
			if err := w.readFrame(&t.Frame); err != nil || !t.Frame.IsControl() {
				return err
			}
			t.Frame.Release()
		}
	})
	if err != nil {
		return t.broken(err)
	}
	if t.Frame.IsError() {
		soft, err := t.softError()
		if err != nil {
			return t.broken(err)
		}
		t.end()
		return soft
	}
	if t.complete() {
		t.end()
	}
	return nil
}

// end closes an answer of several frames whose last one has been read in full,
// and sends the pid frame: the one behind the request may have been swallowed by
// the 3.x client, which skips what it finds while it looks for a pong.
//
// A stop frame is an error to the 2.x client, which finds it behind the stream,
// and that error must not become the next answer. So after one the worker is
// settled by two pid frames, both sent behind it: the one behind the request
// may be the first to be answered.
func (t *Turn) end() {
	late := t.close()
	t.probe()
	t.worker.extra = 1
	if t.killer != nil || len(t.worker.line) > 0 {
		t.probe()
	}
	if t.killer != nil {
		t.worker.doubt++
		if t.worker.abandoned > 0 { // too much at once to tell what it says
			t.worker.wantsOut = true
		}
	}
	t.worker.afterStream = t.streamed && len(t.worker.line) > 0
	t.finish(late)
}

// broken ends the turn of a worker that failed within an answer.
func (t *Turn) broken(err error) error {
	if late := t.close(); late {
		err = fmt.Errorf("%w after it was canceled: %w", ErrStreamIdle, err)
	}
	if t.req == nil {
		return err
	}
	// What we have cut off may have come to its end all the same.
	t.worker.afterStream = t.streamed && !overByItself(err)
	after := time.Since(t.start)
	err = t.pool.lost(t.worker, err, 0)
	if lost, ok := errors.AsType[*WorkerError](err); ok {
		lost.After = after
	}
	return err
}

// Cancel asks the worker to end its stream: a stop frame, and the kill ladder if
// it has not ended within the pool's StopTimeout. It may be called from any
// goroutine, at any time and more than once.
func (t *Turn) Cancel() {
	if t.canceled.Swap(true) {
		return
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.ended {
		return
	}
	conn, sent := t.worker.conn, make(chan struct{})
	t.killer, t.stopSent = time.AfterFunc(t.pool.config.StopTimeout, t.expire), sent
	go func() { // a full pipe must not hold the caller
		defer close(sent)
		_, _ = conn.Write(goridge.AppendStreamStop(nil))
	}()
}

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
				return
			}
			if t.Next() != nil {
				return
			}
		}
		t.Frame.Release()
	}()
}
