package fastcgi

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// Options say how a Link reads.
type Options struct {
	// MaxInMemory is the largest answer in bytes that is read at once.
	MaxInMemory int64
	// Budget bounds what answers hold in memory, but for their heads, which are booked in any case; nil: nothing does.
	Budget goridge.Budget
	// Messages takes what PHP says for the log; nil: nobody does.
	Messages link.Text
	// Soften makes the process end as soon as it has no request and no connection any more; nil:
	// nothing does. For any goroutine.
	Soften func()
}

// Link is the conversation with one PHP process over a connection that is kept. One goroutine at
// a time may use it, the one that holds the worker's turn; what is for any goroutine says so. It starts
// none but one for a large body, which Finish or GiveUp waits for.
type Link struct {
	options Options
	sock    *socket
	machine Machine
	pid     int
	asked   uint32 // requests so far

	// What has been received and not judged is in[start:end].
	in         []byte
	start, end int
	// The record at hand: its type, and how many bytes of content and padding are still to come.
	typ           byte
	content, fill int

	answer answer
	body   *sending // the large body that is under way
	looked bool     // by TryCatchUp, which was called last
	// untilAwaited is awaited for the socket, allocated only once.
	untilAwaited func(uintptr) bool
	// openingOut is how much of the opening of the next request has been sent.
	openingOut int

	mu          sync.Mutex // over the deadlines
	broken      bool       // by Break
	interrupted bool       // by Interrupt
	stopped     atomic.Bool
}

// opening is what Machine says of it.
var opening = begin[:headerSize]

// errAgain says that something cannot be done without waiting.
var errAgain = errors.New("not now")

func newLink(sock *socket, o Options) *Link {
	l := &Link{options: o, sock: sock, in: make([]byte, 16<<10)}
	l.answer.gathered.Budget = o.Budget
	l.untilAwaited = func(uintptr) bool { return l.awaited() }
	return l
}

// PID is the process that answers.
func (l *Link) PID() int { return l.pid }

// OnDropped does nothing: PHP says nothing behind an answer that anybody should be told.
func (l *Link) OnDropped(func(string)) {}

// Ready says that PHP waits for a request.
func (l *Link) Ready() bool { return l.machine.Phase() == Ready }

// MayAsk is Ready.
func (l *Link) MayAsk() bool { return l.Ready() }

// AskedToStop is never so.
func (l *Link) AskedToStop() bool { return false }

// Err is why the conversation is over; nil while it is not.
func (l *Link) Err() error { return l.machine.Err() }

// CaughtUp says that PHP is ready, or at a request.
func (l *Link) CaughtUp() bool { return l.machine.Phase() <= Answering }

// Size is how many bytes are sent of a request without a body.
func (l *Link) Size(request []byte) int { return len(request) + headerSize }

// Send sends a request, of which FinishRequest returned the beginning, to a process that is ready. Its
// number counts the requests. A body that is larger than one record is sent by a goroutine of its own.
func (l *Link) Send(request []byte, body io.Reader, size int64) (uint32, error) {
	l.machine.Ask()
	l.asked++
	l.looked = false
	text := request[headerSize:] // the opening is there already
	switch {
	case body == nil || size == 0:
		text = appendHeader(text, typeStdin, 0)
	case size <= maxContent:
		text = appendHeader(text, typeStdin, int(size))
		head := len(text)
		text = slices.Grow(text, int(size)+headerSize)[:head+int(size)]
		if n, err := io.ReadFull(body, text[head:]); err != nil {
			err = shortBody(int64(n), size, err)
			l.machine.Close(err)
			return l.asked, err
		}
		text = appendHeader(text, typeStdin, 0)
	}
	if n, err := l.sock.write(text); err != nil {
		err = l.over(err)
		return l.asked, &goridge.WriteError{Op: "sending a request", Sent: int64(n), Err: err}
	}
	if body != nil && size > maxContent {
		l.body = send(l.sock, body, size)
	}
	return l.asked, nil
}

// Finish ends the answer, all of which has been read. stopped says that Stop has been called within it.
func (l *Link) Finish(stopped bool) {
	switch {
	case stopped || l.stopped.Load():
		l.machine.Close(link.ErrCanceled)
	case l.body != nil && !l.body.endsWithin(bodyPatience):
		l.machine.Close(errBodyLeft)
	}
	_ = l.endBody()
	l.machine.Finish()
	l.openingOut = 0
	l.open()
}

// open sends the opening of the next request, as far as it goes without waiting.
func (l *Link) open() {
	if l.machine.Phase() != Answered || l.openingOut == len(opening) {
		return
	}
	n, err := l.sock.tryWrite(opening[l.openingOut:])
	l.openingOut += n
	if err != nil && err != errAgain {
		_ = l.over(err)
	}
}

// TryCatchUp looks whether PHP is done with what it was at after its answer.
func (l *Link) TryCatchUp() (settled bool, err error) {
	l.looked = false
	if l.CaughtUp() {
		return true, nil
	}
	l.open()
	if l.openingRead() {
		l.pastOpening()
		l.looked = l.Ready()
	}
	return l.CaughtUp(), l.machine.Err()
}

// openingRead says that PHP has read the opening of the next request, or has gone.
func (l *Link) openingRead() bool { return l.openingOut == len(opening) && !l.sock.unread() }

// pastOpening goes on when PHP has read the opening: what it had sent before is there.
func (l *Link) pastOpening() {
	if l.listen() == nil {
		l.machine.OpeningRead()
	}
}

// awaited goes as far as it can without waiting. True says that waiting is of no use any more. What PHP says meanwhile is
// taken, or it could not go on.
func (l *Link) awaited() bool {
	l.open()
	if l.openingRead() {
		l.pastOpening()
	} else {
		_ = l.listen()
	}
	return l.machine.Err() != nil || l.CaughtUp()
}

// CatchUp waits until PHP is done with what it is at after its answer, however long that takes: the limit is one for
// requests that were given up, of which there are none.
func (l *Link) CatchUp(time.Duration) error {
	if l.CaughtUp() {
		return nil
	}
	if err := l.sock.waitFor(l.untilAwaited); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		_ = l.over(err)
	}
	return l.machine.Err()
}

// Look finds out whether a process that is ready has said something all the same, or has gone.
func (l *Link) Look() error {
	if l.looked { // a moment ago, when it became ready
		l.looked = false
		return l.machine.Err()
	}
	_ = l.listen()
	return l.machine.Err()
}

// listen judges what has come outside of an answer, and does not wait.
func (l *Link) listen() error {
	for l.machine.Err() == nil {
		switch err := l.receive(l.sock.tryRead); err {
		case nil:
			l.judge()
		case errAgain:
			return nil
		default:
			return l.over(err)
		}
	}
	return l.machine.Err()
}

// over ends the conversation because of an error, and returns the reason.
func (l *Link) over(err error) error {
	switch {
	case l.stopped.Load():
		err = link.ErrCanceled
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		err = io.EOF
		if l.machine.Phase() == Answering {
			err = io.ErrUnexpectedEOF
		}
	}
	l.machine.Close(err)
	return l.machine.Err()
}

// MayAhead says no: nothing is sent ahead. So what the following methods are for never comes up.
func (l *Link) MayAhead(int, int) bool { return false }

func (l *Link) Ahead([]byte) uint32 { panic("fastcgi: a request is sent ahead") }
func (l *Link) Flush()              {}
func (l *Link) Leave()              {}
func (l *Link) Owes() bool          { return false }

// Front is the number of the request that PHP is at; 0: none.
func (l *Link) Front() uint32 {
	if p := l.machine.Phase(); p == Asked || p == Answering || p == Whole {
		return l.asked
	}
	return 0
}
