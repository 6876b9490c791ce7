package link

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// Link is the conversation with one ready worker. One goroutine at a time may use it, the
// one that holds the worker's turn; only Stop, Interrupt and what concerns the end are for
// anyone. It starts no goroutine.
type Link struct {
	conn    *goridge.Conn
	machine Machine
	pid     int
	numbers bool

	// Peeks says that a worker that does not number its answers may drop what it finds in the relay
	// whenever it sends a part of a stream: RoadRunner's client does that on a socket, so nothing is
	// sent ahead there. On a pipe it does so from its first ping on.
	Peeks bool

	dropped func(text string) // nil: nobody is told

	offer *Offer // what it was made of; nil: its relay cannot be looked into

	sizes   [maxQueue]int // bytes of each request that is not done, with its pid frame
	batch   []byte        // what is sent in one piece
	nobodys goridge.Frame // the frame that is dropped
	skipped bool          // a frame was dropped since the last CatchUp
}

const (
	// probeLimit is the largest request, in bytes, behind which the pid frame is sent at
	// once. A pipe takes so much in one piece; behind a larger request the frame's header
	// could be torn, which PHP does not survive.
	probeLimit = 32 << 10
	// batchLimit is the most that several requests sent ahead are together, in bytes: a
	// pipe takes it in one piece, and PHP must not find a part of a header. aheadLimit is
	// the most that may lie in the pipe: PHP reads it in pieces of 8192 bytes.
	batchLimit = 4096
	aheadLimit = 8192
)

var probe = goridge.AppendControlPID(nil, os.Getpid())

// New begins the conversation with a worker that has said hello, and nothing since.
func New(conn *goridge.Conn, hello goridge.Hello) *Link {
	return &Link{conn: conn, machine: NewMachine(hello.PID, hello.Numbers), pid: hello.PID, numbers: hello.Numbers}
}

// OnDropped sets what is told of an error that the worker reported when its answer was out
// already: at most the first 1000 bytes of its text.
func (l *Link) OnDropped(tell func(text string)) { l.dropped = tell }

// Ready says that the worker waits for a request.
func (l *Link) Ready() bool { return l.machine.Phase() == Ready }

// MayAsk says that a request may be sent: the worker is ready and has not asked to be
// replaced.
func (l *Link) MayAsk() bool { return l.machine.MayAsk() }

// CaughtUp says that the worker is ready, or at a request that somebody waits for.
func (l *Link) CaughtUp() bool {
	switch l.machine.Phase() {
	case Ready:
		return true
	case Asked, Streaming:
		return !l.machine.FrontOrphaned()
	}
	return false
}

// AskedToStop says that the worker has asked to be replaced.
func (l *Link) AskedToStop() bool { return l.machine.AskedToStop() }

// Front is the number of the request that the worker may have begun with; 0: none.
func (l *Link) Front() uint32 { return l.machine.Front() }

// Err is why the conversation is over; nil while it is not. Whatever it is, the worker is
// of no more use.
func (l *Link) Err() error { return l.machine.Err() }

// unread is how many bytes were sent of the front request and of all behind it.
func (l *Link) unread() (n int) {
	for i := range l.machine.n {
		n += l.sizes[i]
	}
	return n
}

// Size is how many bytes Send and SendAhead take of a request, with the pid frame.
func (l *Link) Size(request []byte) int {
	n := goridge.RequestSize(request, l.numbers)
	if !l.numbers {
		n += len(probe)
	}
	return n
}

// Send sends a request to a worker that is ready, and returns its number. request is what
// [goridge.BeginRequest] began, with the whole body where there is no body; the
// capacity behind its end may be used. Else size bytes of body follow.
//
// Its error is a [*goridge.WriteError], also where the worker has said something that
// nobody has asked for, before anything was sent.
func (l *Link) Send(request []byte, body io.Reader, size int64) (uint32, error) {
	if l.conn.Buffered() > 0 {
		if err := l.Look(); err != nil {
			return 0, &goridge.WriteError{Op: "before sending a request", Err: err}
		}
	}
	probed := !l.numbers && body == nil && len(request)+len(probe) <= probeLimit
	number := l.machine.Ask(probed)
	text := l.encode(request, number)
	if probed {
		text = append(text, probe...)
	}
	if body != nil {
		l.sizes[0] = len(text) + int(size)
		return number, l.conn.WriteBody(text, body, size)
	}
	l.sizes[0] = len(text)
	_, err := l.conn.Write(text)
	return number, err
}

func (l *Link) encode(request []byte, number uint32) []byte {
	if l.numbers {
		return goridge.NumberRequest(request, number)
	}
	return goridge.PlainRequest(request)
}

// MayAhead says that one more request of so many bytes (see Size) may be sent ahead, behind
// others of before bytes that go with it.
func (l *Link) MayAhead(size, before int) bool {
	limit := aheadLimit
	if before > 0 {
		limit = batchLimit
	}
	return (l.numbers || !l.Peeks) && size+before <= limit && l.unread()+size <= aheadLimit && l.machine.MayAskAhead()
}

// Ahead notes a request that is sent ahead with the next call of Flush, and returns its
// number. It must be one that may be carried out twice, and MayAhead have said so.
func (l *Link) Ahead(request []byte) uint32 {
	number := l.machine.Ask(!l.numbers)
	from := len(l.batch)
	l.batch = append(l.batch, l.encode(request, number)...)
	if !l.numbers {
		l.batch = append(l.batch, probe...)
	}
	l.sizes[l.machine.n-1] = len(l.batch) - from
	return number
}

// Flush sends what Ahead has noted. Whether it comes to the worker shows when that is
// read from.
func (l *Link) Flush() {
	if len(l.batch) > 0 {
		_, _ = l.conn.Write(l.batch)
		l.batch = l.batch[:0]
	}
}

// Owes says that the worker has yet to answer requests that were left.
func (l *Link) Owes() bool { return l.machine.Owes() }

// Leave gives up the requests behind the front: what the worker answers to them is
// dropped.
func (l *Link) Leave() { l.machine.Abandon() }

// CatchUp reads until the worker is ready or, where requests lie behind, until the first of
// them that has not been given up is the front. It drops what belongs to those before.
// Each one that was given up may take limit; 0: for ever. os.ErrDeadlineExceeded says that
// one took longer, or that somebody has interrupted the reading.
func (l *Link) CatchUp(limit time.Duration) error {
	timed := uint32(0)
	for !l.CaughtUp() {
		if err := l.machine.Err(); err != nil {
			return err
		}
		if front := l.machine.Front(); limit > 0 && l.machine.FrontOrphaned() && front != timed {
			timed = front
			_ = l.conn.SetReadDeadline(time.Now().Add(limit))
			defer func() { _ = l.conn.SetReadDeadline(time.Time{}) }()
		}
		if l.nobodys.Rest() > 0 { // it was interrupted there
			if err := l.dropRest(); err != nil {
				return err
			}
			continue
		}
		if err := l.conn.ReadFrame(&l.nobodys); err != nil {
			return l.failed(err)
		}
		if err := l.drop(); err != nil {
			return err
		}
	}
	return nil
}

// TryCatchUp does what CatchUp does with what has come already, and does not wait.
func (l *Link) TryCatchUp() (settled bool, err error) {
	for !l.CaughtUp() {
		if came, err := l.try(); err != nil || !came {
			return false, err
		}
	}
	return true, nil
}

// Look finds out whether a worker that is ready has said something all the same, or has gone:
// then its error says so.
func (l *Link) Look() error {
	for { // a pid reply may be right, and what lies behind it not
		if came, err := l.try(); err != nil || !came {
			return err
		}
	}
}

// try drops the next frame, if it has come already.
func (l *Link) try() (came bool, err error) {
	if err := l.machine.Err(); err != nil {
		return false, err
	}
	if l.nobodys.Rest() > 0 {
		return true, l.dropRest()
	}
	came, err = l.conn.TryReadFrame(&l.nobodys)
	if err != nil {
		return false, l.failed(err)
	}
	if !came {
		return false, nil
	}
	return true, l.drop()
}

// drop judges a frame that belongs to nobody who waits.
func (l *Link) drop() error {
	if err := l.judge(&l.nobodys); err != nil {
		l.nobodys.Release()
		return err
	}
	return l.dropRest()
}

// dropRest reads the frame that is dropped to its end. After an interruption it goes on.
func (l *Link) dropRest() error {
	_, err := io.Copy(io.Discard, &l.nobodys)
	l.nobodys.Release()
	if err != nil {
		return l.failed(err)
	}
	if l.machine.Phase() == Whole {
		l.Finish(false)
	}
	return l.machine.Err()
}

// Answer reads the first frame of the front's answer, or, within it, the next one. All of
// the frame must have been read before the next call.
func (l *Link) Answer(f *goridge.Frame) error {
	for {
		if err := l.machine.Err(); err != nil {
			return err
		}
		if err := l.conn.ReadFrame(f); err != nil {
			return l.failed(err)
		}
		l.skipped = false
		if err := l.judge(f); err != nil {
			f.Release()
			return err
		}
		if !l.skipped {
			return nil
		}
		_, err := io.Copy(io.Discard, f)
		f.Release()
		if err != nil {
			return l.failed(err)
		}
	}
}

// judge lets the machine hear a frame.
func (l *Link) judge(f *goridge.Frame) error {
	if f.Ping() {
		if _, err := l.conn.Write(goridge.AppendStreamPong(nil)); err != nil {
			l.machine.Close(err)
			return err
		}
	}
	said := l.classify(f)
	late := said.Kind == Failure && l.machine.Phase() == Answered
	before := l.machine.n
	switch l.machine.Hear(said) {
	case End:
		return l.machine.Err()
	case Drop:
		l.skipped = true
		if late && l.dropped != nil {
			l.dropped(string(f.Payload[:min(len(f.Payload), 1000)]))
		}
	}
	l.forget(before)
	return nil
}

// classify says what a frame is.
func (l *Link) classify(f *goridge.Frame) Said {
	s := Said{More: f.More(), Done: f.Done(), Number: f.Number(), Peeks: f.Ping() || l.Peeks, Head: len(f.Context()) > 0}
	switch {
	case f.IsControl():
		s.Kind = Foreign
		if n := f.DoneNumber(); n != 0 {
			s.Kind = Done
		} else if p, err := f.PID(); err == nil {
			s.Kind, s.PID = Here, p
		}
	case f.IsError():
		s.Kind = Failure
		s.More = false
	case f.IsStopRequest():
		s.Kind = Wish
	}
	return s
}

// Finish ends the front's answer, all of which has been read, and asks the worker to tell when it is
// done. stopped says that Stop has been called within it.
func (l *Link) Finish(stopped bool) {
	before := l.machine.n
	for range l.machine.Finish(stopped) {
		// If that fails the answer is whole all the same; the worker's end is found
		// when it is used next.
		_, _ = l.conn.Write(probe)
	}
	l.forget(before)
}

// forget drops the size of a request that is done.
func (l *Link) forget(before uint8) {
	if l.machine.n < before {
		copy(l.sizes[:], l.sizes[1:before])
		l.sizes[before-1] = 0
	}
}

// failed makes an error of reading final, but for a deadline.
func (l *Link) failed(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		l.machine.Close(err)
	}
	return err
}
