package workerpool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// Request is what a worker gets.
type Request struct {
	// Frame is the beginning of a request frame in one piece: room for the header,
	// context and, unless Body is set, the body, as [goridge.BeginRequest] and
	// [goridge.FinishRequest] make it. Exec does not keep it, but writes into that room,
	// and may use the capacity behind its end.
	Frame []byte
	// Body follows Frame; it is read from its start for every attempt.
	Body io.ReadSeeker
	// BodySize is the size of Body in bytes.
	BodySize int64
	// Repeatable says that a worker may get the request although another
	// one may have begun with it (GET, HEAD, OPTIONS).
	Repeatable bool
	// Suit returns the Frame for the workers of a generation, of which it gets what Config.Begin has returned. It is called whenever a worker
	// has been found for the request, and keeps that worker waiting. On an error the worker goes free, and Exec returns the
	// error as it is. nil: Frame suits all of them.
	Suit func(common any) (frame []byte, err error)
}

// Turn is a request's time at a worker, from its first answer frame on. Its
// methods are for one goroutine, except Cancel.
type Turn struct {
	// Frame is the current answer frame. Next releases it.
	Frame goridge.Frame
	// PID is the worker's.
	PID int
	// Queued and Executed are the times until a worker was free, and from
	// there to the first frame of the answer.
	Queued, Executed time.Duration
	// Retries counts the workers that were lost on the way.
	Retries int

	pool   *Pool
	worker *worker
	req    *Request
	since  time.Time // of the waiting: when Exec was called, and later by what lost workers have taken
	start  time.Time // of the turn at that worker
	number uint32    // of the request in the conversation with that worker
	begun  bool      // the worker may have begun with it
	open   bool      // the worker is held: more frames, or the rest of one, follow
	// streamed says that the answer has more than one frame.
	streamed bool

	ahead   bool        // the request was sent before the turn began
	waited  bool        // it has been sent ahead once, and was left
	left    bool        // and the worker that it was sent to may carry it out all the same
	expired atomic.Bool // the time limit has broken the relay

	repeated bool // a worker that may have begun with it was lost, and another one has got it

	closed   bool
	canceled atomic.Bool
	lock     sync.Mutex // Cancel against the end of the turn
	ended    bool
	killer   *time.Timer   // ends a worker that ignores the stop frame
	stopped  bool          // that frame was sent, or is about to be
	stopSent chan struct{} // closed when that frame is out
}

// maxErrorText is how much of what a worker says with an error frame is
// kept, in bytes.
const maxErrorText = 64 << 10

// Exec waits for a free worker, sends it the request and returns with the first
// frame of the answer. If that is the whole answer, the worker is free again
// already. The caller must Close the turn.
//
// ctx ends the wait in the queue; a request that has begun is not broken off, but nothing
// is repeated for a ctx that has ended. If a worker dies, the request is sent to another one
// where that is safe: when the dead one never read it, or when it is Repeatable (once). A
// Repeatable one may be carried out a second time, too, when the worker that it was sent to
// ahead of its turn does not come to it for long; then it is not repeated besides.
//
// Errors: [ErrClosed], [ErrQueueFull], [ErrQueueTimeout], [*UnavailableError],
// the cause of ctx, [*SoftError], [*WorkerError] (also around [ErrTimeout] and [ErrCut]).
func (p *Pool) Exec(ctx context.Context, req *Request) (*Turn, error) {
	t := &Turn{pool: p, req: req, since: time.Now()}
	again := false
	for {
		if err := req.rewind(); err != nil {
			return nil, err
		}
		w, err := p.acquire(ctx, t, again)
		if err != nil {
			return nil, err
		}
		t.worker = w
		t.PID = int(w.pid.Load())
		t.start = w.turnStart
		t.Queued = max(0, t.start.Sub(t.since))
		t.begun = false
		if req.Suit != nil {
			if req.Frame, err = req.Suit(w.generation.common); err != nil {
				p.giveBack(w)
				return nil, err
			}
		}
		err = t.exchange()
		t.Executed = time.Since(t.start)
		if err == nil {
			return t, nil
		}
		if _, soft := errors.AsType[*SoftError](err); soft {
			return nil, err
		}
		if !again { // a draining pool has to wait for the repetition, too
			again = true
			p.reserve()
			defer p.unreserve()
		}
		if err = p.retry(ctx, t, err); err != nil {
			return nil, err
		}
	}
}

// rewind goes to the start of the body, for another attempt.
func (r *Request) rewind() error {
	if r.Body == nil {
		return nil
	}
	if _, err := r.Body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the spooled body: %w", err)
	}
	return nil
}

// exchange sends the request and reads the first frame of the answer. A whole
// answer, or an error frame, ends the turn.
//
// The worker is ready, or is asked to tell so; or the request was sent ahead, and then it
// begins when the one before is done.
func (t *Turn) exchange() error {
	if err := t.untilReady(); err != nil {
		return err
	}
	var soft *SoftError
	err := t.timed(t.pool.config.RequestTimeout, ErrTimeout, func() (err error) {
		if err = t.ask(); err == nil && t.Frame.IsError() {
			soft, err = t.softError()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case soft != nil:
		t.complete()
		return soft
	case !t.whole():
		t.pool.beforeStreaming(t.worker)
		t.open, t.streamed = true, t.Frame.More()
		return nil
	}
	t.complete()
	return nil
}

// untilReady waits until the worker is done with what it was at before: not for long,
// since another worker may come free. *notBegun says that the request is to be
// carried out elsewhere.
func (t *Turn) untilReady() error {
	p, w := t.pool, t.worker
	if t.ahead {
		return t.untilFront()
	}
	if w.link.MayAsk() {
		return nil
	}
	ready, err := w.link.TryCatchUp()
	if err == nil && !ready && w.link.WaitAtMost(p.config.readyWithin) {
		err = w.readError(w.link.CatchUp(0))
		w.link.ClearInterrupt()
		ready = err == nil
	}
	switch {
	case err == nil && ready && !w.link.AskedToStop():
		return nil
	case err == nil && ready:
		err = link.ErrAskedToStop
	case err == nil || errors.Is(err, os.ErrDeadlineExceeded):
		w.worksLate = true
		go p.awaitReady(w)
		return &notBegun{}
	}
	p.drop(w, err)
	return &notBegun{err}
}

// untilFront waits until a request that was sent ahead is the front.
func (t *Turn) untilFront() error {
	p, w := t.pool, t.worker
	for {
		err := w.readError(w.link.CatchUp(0))
		switch {
		case err == nil && w.link.Front() == t.number:
			t.start = time.Now()
			p.turnBegins(w, t.start)
			return nil
		case err == nil: // unless this pool has lost count
			err = link.ErrWrongNumber
		case errors.Is(err, os.ErrDeadlineExceeded):
			if p.takesLong(w) {
				w.worksLate = true
				p.leaveAhead(w, true)
				go p.awaitReady(w)
				t.waited, t.left = true, true
				return &notBegun{}
			}
			continue
		}
		t.waited = true
		p.drop(w, err)
		return &notBegun{err}
	}
}

// complete ends a turn whose answer has been read in full.
func (t *Turn) complete() {
	late := t.close()
	t.worker.link.Finish(false)
	t.finish(late)
}

// softError is that of the current frame.
func (t *Turn) softError() (*SoftError, error) {
	if t.Frame.Rest() > 0 && !t.open { // nobody shall wait for that, nor interrupt it
		t.pool.beforeStreaming(t.worker)
	}
	soft, err := softError(&t.Frame, t.PID)
	return soft, t.worker.readError(err)
}

// softError takes the text of an error frame of the worker and releases the frame. Its
// error means that the worker is of no use any more.
func softError(f *goridge.Frame, pid int) (*SoftError, error) {
	defer f.Release()
	text := bytes.NewBuffer(bytes.Clone(f.Payload[:min(len(f.Payload), maxErrorText)]))
	if _, err := io.CopyN(text, f, int64(maxErrorText-text.Len())); err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, f); err != nil {
		return nil, err
	}
	return &SoftError{Text: text.String(), PID: pid}, nil
}

// ask sends the request, where that has not been done, and reads the first frame that
// answers it.
func (t *Turn) ask() error {
	p, w := t.pool, t.worker
	t.begun = true
	if !t.ahead {
		number, err := w.link.Send(t.req.Frame, t.req.Body, t.req.BodySize)
		if t.number = number; err != nil {
			return err
		}
	}
	p.sendAhead(w)
	for {
		err := w.readError(w.link.Answer(&t.Frame))
		if !errors.Is(err, os.ErrDeadlineExceeded) || t.expired.Load() {
			return err
		}
		if p.takesLong(w) {
			p.leaveAhead(w, true)
		}
		if t.expired.Load() { // meanwhile: the interrupt of that, too, has been cleared
			return err
		}
	}
}

// timed runs f, and breaks the relay, which ends a pending read or write, when
// it takes longer than limit; 0 is no limit. What f brings too late is dropped,
// for the worker has to go.
func (t *Turn) timed(limit time.Duration, late error, f func() error) error {
	if limit <= 0 {
		return f()
	}
	timer := time.AfterFunc(limit, t.expire)
	err := f()
	if !timer.Stop() {
		t.Frame.Release()
		return late
	}
	return err
}

// whole says that the answer is there in full: whatever happens to the
// worker from now on is not this request's trouble.
func (t *Turn) whole() bool { return !t.Frame.More() && t.Frame.Rest() == 0 }

// finish gives the worker back, unless it was late to obey Cancel.
func (t *Turn) finish(late bool) {
	if late {
		t.pool.drop(t.worker, ErrStreamIdle)
		return
	}
	size := int64(len(t.req.Frame))
	if t.req.Body != nil {
		size += t.req.BodySize
	}
	t.pool.answered(t.worker, size)
}

// close ends the time of Cancel, and reports whether the relay has been broken
// because the worker ignored it.
func (t *Turn) close() (late bool) {
	t.open = false
	t.lock.Lock()
	defer t.lock.Unlock()
	t.ended = true
	if t.killer == nil {
		return false
	}
	if t.stopped {
		<-t.stopSent // later it would stop the stream of the next request
	}
	return !t.killer.Stop()
}

// expire ends the pending read or write at once; the owner then ends the process
// group.
func (t *Turn) expire() {
	t.expired.Store(true)
	t.worker.link.Break()
}
