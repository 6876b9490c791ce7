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
)

// Request is what a worker gets.
type Request struct {
	// Frame is the beginning of a request frame in one piece: header, context
	// and, unless Body is set, the body. See [goridge.BeginRequest]. Exec
	// does not keep it, but may use the capacity behind its end.
	Frame []byte
	// Body follows Frame; it is read from its start for every attempt.
	Body io.ReadSeeker
	// BodySize is the size of Body in bytes.
	BodySize int64
	// Repeatable says that a worker may get the request although another
	// one may have begun with it (GET, HEAD, OPTIONS).
	Repeatable bool
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
	start  time.Time // of the turn at that worker
	open   bool      // the worker is held: more frames, or the rest of one, follow
	// streamed says that the answer has more than one frame.
	streamed bool
	sent     int // bytes of the request written in one piece; 0 if it was not

	frame   []byte // Request.Frame and, where probed, the pid frame
	probed  bool   // the pid frame is sent along
	ahead   bool   // sent already, with sendErr, when the turn began
	sendErr error
	expired atomic.Bool // the time limit has broken the relay

	closed   bool
	canceled atomic.Bool
	lock     sync.Mutex // Cancel against the end of the turn
	ended    bool
	killer   *time.Timer   // ends a worker that ignores the stop frame
	stopSent chan struct{} // closed when that frame is out
}

const (
	// inlineProbe is the largest request, in bytes, behind which the pid
	// frame is sent at once. A pipe takes so much in one piece; behind a
	// larger request the frame's header could be torn, which PHP does not
	// survive.
	inlineProbe = 32 << 10
	// maxUnread bounds how often a request that was never read is sent anew.
	maxUnread = 16
	// maxErrorText is how much of what a worker says with an error frame is
	// kept, in bytes.
	maxErrorText = 64 << 10
)

var probe = goridge.AppendControlPID(nil, os.Getpid())

// Exec waits for a free worker, sends it the request and returns with the first
// frame of the answer. If that is the whole answer, the worker is free again
// already. The caller must Close the turn.
//
// ctx ends the wait in the queue; a request that has begun is not broken off.
// If a worker dies, the request is sent to another one where that is safe: when
// the dead one never read it, or when it is Repeatable (once). A Repeatable one may
// be carried out a second time, too, when the worker that has read it does not come to
// it for long.
//
// Errors: [ErrClosed], [ErrQueueFull], [ErrQueueTimeout], [*UnavailableError],
// the cause of ctx, [*SoftError], [*WorkerError] (also around [ErrTimeout]).
func (p *Pool) Exec(ctx context.Context, req *Request) (*Turn, error) {
	begin := time.Now()
	t := &Turn{pool: p, req: req}
	t.prepare(req)
	repeated, again := false, false
	for {
		if err := req.rewind(); err != nil {
			return nil, err
		}
		w, err := p.acquire(ctx, t, begin, again)
		if err != nil {
			return nil, err
		}
		t.worker = w
		t.PID = int(w.pid.Load())
		t.start = w.turnStart
		t.Queued = max(0, t.start.Sub(begin))
		err = t.exchange(req)
		t.Executed = time.Since(t.start)
		if err == nil {
			return t, nil
		}
		var soft *SoftError
		var lost *WorkerError
		if errors.As(err, &soft) {
			return nil, err
		}
		if !again { // a draining pool has to wait for the repetition, too
			again = true
			p.hold(1)
			defer p.hold(-1)
		}
		switch {
		case errors.Is(err, errTakenBack):
			w.slowTail = true
			go p.settleAndHandBack(w)
			continue
		case errors.Is(err, errSwallowed):
			p.dismiss(w, errWantsOut)
			continue
		case errors.Is(err, errPassedOver):
			if w.abandoned > 0 || w.wantsOut {
				p.dismiss(w, errWantsOut)
			} else {
				p.handBack(w) // settled: it has asked for the next request
			}
			return nil, &WorkerError{PID: t.PID, Err: errPassedOver, Output: w.out.tail()}
		case errors.Is(err, errWantsOut):
			p.dismiss(w, errWantsOut)
			err = &WorkerError{PID: t.PID, Err: errWantsOut, Unread: true}
		default:
			err = p.lost(w, err, t.sent)
			if errors.As(err, &lost) {
				lost.After = t.Executed
			}
		}
		t.Retries++
		if !errors.As(err, &lost) || errors.Is(err, ErrTimeout) {
			return nil, err
		}
		switch {
		case lost.Unread && t.Retries <= maxUnread:
		case req.Repeatable && !repeated && !lost.Unread:
			repeated = true
		default:
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
func (t *Turn) exchange(req *Request) error {
	if err := t.timed(t.pool.config.RequestTimeout, ErrTimeout, func() error { return t.ask(req) }); err != nil {
		return err
	}
	t.worker.extra = 0 // all pid frames sent before this request have been answered
	if t.Frame.IsStopRequest() {
		t.Frame.Release()
		return errWantsOut
	}
	switch {
	case t.Frame.IsError():
		soft, err := t.softError()
		if err != nil {
			return err
		}
		return t.over(soft)
	case !t.complete():
		if t.req != nil {
			if err := t.pool.longAnswer(t.worker, t.Frame.More()); err != nil {
				t.Frame.Release()
				return err
			}
		}
		t.open, t.streamed = true, t.Frame.More()
		return nil
	}
	return t.over(nil)
}

// over ends a turn whose answer has been read in full, and returns err.
func (t *Turn) over(err error) error {
	if !t.probed {
		t.probe()
	}
	t.finish(t.close())
	return err
}

// softError takes the text of an error frame and releases the frame. Its error
// means that the worker is of no use any more.
func (t *Turn) softError() (*SoftError, error) {
	defer t.Frame.Release()
	text := bytes.NewBuffer(bytes.Clone(t.Frame.Payload[:min(len(t.Frame.Payload), maxErrorText)]))
	if _, err := io.CopyN(text, &t.Frame, int64(maxErrorText-text.Len())); err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, &t.Frame); err != nil {
		return nil, err
	}
	return &SoftError{Text: text.String(), PID: t.PID}, nil
}

// prepare decides whether the pid frame goes with the request.
func (t *Turn) prepare(req *Request) {
	t.frame = req.Frame
	if req.Body == nil && len(t.frame)+len(probe) <= inlineProbe {
		t.frame, t.probed = append(t.frame, probe...), true
	}
}

// ask sends the request and reads until the first frame that answers it.
//
// A worker that is not settled gets the request on trust that it will be at once.
// If it is not, the request is taken back: it may be working for long after its
// last response, while another worker has come free. A request that could not be
// taken back is not sent on trust.
func (t *Turn) ask(req *Request) error {
	w := t.worker
	trusted := !w.settled && t.req != nil
	switch {
	case t.ahead && t.sendErr != nil:
		return t.sendErr
	case t.ahead && w.afterStream:
		return t.afterStream()
	case t.ahead:
	case trusted && (w.child.chosen.tap == nil || !t.probed || len(t.frame) > recallLimit):
		return errTakenBack
	default:
		if trusted {
			_ = w.conn.SetReadDeadline(time.Now().Add(t.pool.config.longTail))
		}
		if err := t.send(req); err != nil {
			return err
		}
	}
	deadline, fed := trusted && !t.ahead, !t.probed || t.req == nil
	for {
		if w.settled && !fed {
			fed = true
			t.pool.feed(w, len(t.frame))
		}
		switch err := w.readFrame(&t.Frame); {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && t.req != nil && !t.expired.Load():
			if err := t.nudged(); err != nil {
				return err
			}
			continue
		default:
			return err
		}
		switch {
		case !w.settled:
			if err := w.sift(&t.Frame); err != nil {
				return err
			}
			if deadline && w.settled {
				deadline = false
				_ = w.conn.SetReadDeadline(time.Time{})
			}
		case !t.Frame.IsControl():
			return nil
		default:
			t.Frame.Release()
			if w.extra > 0 {
				w.extra--
			} else if t.probed {
				return errPassedOver
			}
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

// probe sends the pid frame. If that fails the answer is whole all the same; the
// worker's end is found when it is used next.
func (t *Turn) probe() { _, _ = t.worker.conn.Write(probe) }

// complete says that the answer is there in full: whatever happens to the
// worker from now on is not this request's trouble.
func (t *Turn) complete() bool { return !t.Frame.More() && t.Frame.Rest() == 0 }

// send writes the request. A worker that died before it read anything shows
// here or at the first read.
func (t *Turn) send(req *Request) error {
	t.sent = 0
	if req.Body == nil {
		n, err := t.worker.conn.Write(t.frame)
		t.sent = n
		return err
	}
	return t.worker.conn.WriteBody(t.frame, req.Body, req.BodySize)
}

// finish gives the worker back, unless it was late to obey Cancel. During warm-up
// nobody has taken a turn.
func (t *Turn) finish(late bool) {
	switch {
	case t.req == nil:
		t.worker.settled = false
	case late:
		t.pool.dismiss(t.worker, ErrStreamIdle)
	default:
		size := int64(len(t.frame))
		if t.req.Body != nil {
			size += t.req.BodySize
		}
		t.pool.release(t.worker, size)
	}
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
	<-t.stopSent // later it would stop the stream of the next request
	return !t.killer.Stop()
}

// expire ends the pending read or write at once; the owner then ends the process
// group. What the worker has said by then can still be read, where the relay
// knows deadlines: it tells whether a request sent ahead has been begun.
func (t *Turn) expire() {
	t.expired.Store(true)
	now, conn := time.Now(), t.worker.conn
	if conn.SetWriteDeadline(now) != nil || conn.SetReadDeadline(now) != nil {
		conn.Close()
	}
}
