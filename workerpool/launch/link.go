package launch

import (
	"io"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// Link is the conversation with one ready worker, whatever is spoken: a [link.Link], or a
// [fastcgi.Link]. One goroutine at a time may use it, the one that holds the worker's turn; what is for
// any goroutine says so. It decides what belongs to which request, and its errors say why it is over:
// where the pool does not take them for a crash they are of those in package link.
//
// [link.Link]: https://pkg.go.dev/github.com/phpworker/caddy-php-worker/workerpool/link#Link
// [fastcgi.Link]: https://pkg.go.dev/github.com/phpworker/caddy-php-worker/workerpool/fastcgi#Link
type Link interface {
	// PID is the process that answers: that of PHP, also behind a wrapper.
	PID() int
	// OnDropped sets what is told of an error that the worker reported when its answer was out
	// already: at most the first 1000 bytes of its text.
	OnDropped(tell func(text string))

	// Ready says that the worker waits for a request; MayAsk, that it may be sent one: it
	// has not asked to be replaced.
	Ready() bool
	MayAsk() bool
	// AskedToStop says that the worker has asked to be replaced.
	AskedToStop() bool
	// Err is why the conversation is over; nil while it is not.
	Err() error
	// Send sends a request to a worker that is ready, with size bytes of body unless that is nil, and returns the
	// request's number. It may write into the request, and use the capacity behind its end. body is not read any more when Finish
	// or GiveUp has returned, or Answer has, with an error that is final. Its error is a [*goridge.WriteError].
	Send(request []byte, body io.Reader, size int64) (number uint32, err error)
	// Answer reads the first frame of the answer or, within it, the next one. All of the frame must
	// have been read before the next call. After os.ErrDeadlineExceeded it can go on.
	Answer(*goridge.Frame) error
	// Finish ends the answer, all of which has been read; the worker may still be at work then.
	// stopped says that Stop has been called within it.
	Finish(stopped bool)
	// CaughtUp says that the worker is ready, or at a request that somebody waits for. CatchUp waits for
	// that, TryCatchUp only looks; both read what belongs to nobody. Requests that were given
	// up may take limit each; 0: for ever. os.ErrDeadlineExceeded says that it took longer, or that
	// somebody has interrupted it; then it can go on.
	CaughtUp() bool
	TryCatchUp() (settled bool, err error)
	CatchUp(limit time.Duration) error
	// Look finds out whether a worker that is ready has said something all the same, or has gone:
	// then its error says so.
	Look() error

	// MayAhead says that one more request of so many bytes (see Size) may be sent ahead, behind others of
	// before bytes that go with it. A link that always says no is never asked for what
	// the methods up to Owes do, but Flush and Leave do nothing.
	MayAhead(size, before int) bool
	// Size is how many bytes are sent of a request.
	Size(request []byte) int
	// Ahead notes a request that is sent with the next call of Flush, and returns its number.
	Ahead(request []byte) uint32
	Flush()
	// Leave gives up the requests behind the front.
	Leave()
	// Front is the number of the request that the worker may have begun with; 0: none.
	Front() uint32
	// Owes says that the worker has yet to answer requests that were left.
	Owes() bool

	// Stop asks the worker to end the answer that it sends; it may block, and is for any goroutine.
	Stop()
	// AskToLeave asks the worker to end as soon as it is ready. For any goroutine.
	AskToLeave() error
	// WaitAtMost makes what waits fail with os.ErrDeadlineExceeded after d, and Interrupt at once, until
	// ClearInterrupt is called. False says that the relay knows no deadlines. For any goroutine.
	WaitAtMost(d time.Duration) bool
	Interrupt() bool
	ClearInterrupt()
	// Break ends what waits now or later at once, for good. What has come can still be read by Drain, after
	// ClearInterrupt. For any goroutine.
	Break()
	// GiveUp gives up the request at hand, and the conversation: when it returns nothing of the body is
	// read any more. For the holder of the turn.
	GiveUp()
	// Close closes the relay. For any goroutine.
	Close()

	// NeverRead says that the worker has certainly not read a byte of the front request. It is
	// for one that has ended.
	NeverRead() bool
	// Waiting is how many bytes of what the worker wrote lie in its relay; 0 where that cannot be told.
	// For any goroutine.
	Waiting() int
	// FlushText ends a line that the worker printed and that will not come to its end.
	FlushText()
	// Drain logs what a worker that has ended printed into its relay, and drops all else that lies there.
	Drain()
}
