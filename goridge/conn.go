package goridge

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxContext is the longest context in bytes that is accepted: unlike a body
// it always has to be in memory.
const maxContext = 16 << 20

// Options say how a Conn reads.
type Options struct {
	// MaxFrame is the longest payload in bytes that is accepted; a longer one
	// is ErrFrameTooLarge. Default: what a header can announce, 4 GiB - 1.
	MaxFrame int64

	// MaxInMemory is the longest payload in bytes that is put into
	// Frame.Payload at any rate. Of a longer one at least the context is
	// there, and what is not has to be read from the Frame. Default 0: every
	// payload is in memory as a whole.
	MaxInMemory int64

	// Budget bounds the memory of frames. A frame of more than 16 KiB is put into
	// Frame.Payload only as far as the budget says, but for its context; with less
	// it is Frame.Crowded. What a frame holds is booked until its Release; what
	// the Conn reads into is not. Default nil: nothing but MaxInMemory bounds them.
	Budget Budget

	// Stray takes what the peer sends between frames: what a program prints
	// whose stdout carries the protocol. It is called by the reading
	// goroutine as soon as the bytes are known to be none of a frame, in
	// order, and must neither keep p nor call the Conn. Default nil: such
	// bytes are an error.
	Stray func(p []byte)
}

// Budget counts bytes of memory. It must be safe for concurrent use.
type Budget interface {
	// Take asks for n bytes, and says whether they may be had.
	Take(n int64) bool
	// Book adds n bytes that are held already; a negative n gives bytes back.
	Book(n int64)
}

// Conn carries frames over a pair of pipes or over a socket. One goroutine may
// read while any number write; Close may be called by anyone at any time.
type Conn struct {
	r    io.ReadCloser
	w    io.WriteCloser
	in   io.Reader // of r
	out  io.Writer // of w
	opts Options

	// State of the reader. Bytes read and not yet handed out are
	// buf.data[start:end].
	buf        *buffer
	start, end int
	usual      int          // size of recent large frames, in bytes
	want       int          // bytes of the next frame needed to get on with it
	limit      int          // and how many may be read at most; 0: as many as fit
	unread     int64        // bytes of the last frame that are still in the relay
	crowded    bool         // the budget has no room for the next frame
	taken      atomic.Int64 // what it has given for the next frame; Close gives it back
	readErr    error        // why reading is over
	poll       pollReader

	// State of the writers.
	wmu      sync.Mutex
	writeErr error // why writing is over

	closed    atomic.Bool
	closeOnce sync.Once
	closeErr  error
}

// NewConn returns a Conn that reads frames from r and writes them to w. Both
// may be the same object, and both belong to the Conn from now on. It starts
// no goroutine and reads nothing.
func NewConn(r io.ReadCloser, w io.WriteCloser, o Options) *Conn {
	if o.MaxFrame <= 0 {
		o.MaxFrame = MaxPayload
	}
	// A frame in memory is indexed by an int, which has 32 bits on some
	// machines, with room for its header.
	o.MaxFrame = min(o.MaxFrame, math.MaxInt-maxWords*4)
	return &Conn{r: r, w: w, in: directReader(r), out: directWriter(w), opts: o, poll: newPollReader(r)}
}

// Close closes both directions. It does not wait for anything: whoever is
// reading or writing gets ErrClosed. Only the first call does something; the
// others return the same.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() {
		c.closed.Store(true)
		c.giveBack()
		c.closeErr = errors.Join(ignoreClosed(c.w.Close()), ignoreClosed(c.r.Close()))
	})
	return c.closeErr
}

// ignoreClosed drops the complaint of an object that is both ends and was
// closed as the other one already.
func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// SetReadDeadline makes a blocked or later read fail with
// os.ErrDeadlineExceeded once t has passed; the zero time takes it back.
// Nothing is lost by it: reading goes on where it stopped. A relay that knows
// no deadlines returns os.ErrNoDeadline.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if d, ok := c.r.(interface{ SetReadDeadline(time.Time) error }); ok {
		return d.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}

// SetWriteDeadline does the same for writes. A write that stopped in the
// middle of a frame cannot go on: the Conn is ErrBroken afterwards.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if d, ok := c.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return d.SetWriteDeadline(t)
	}
	return os.ErrNoDeadline
}

// Buffered is how many bytes have been read and belong to no frame that was handed out. It
// is for the goroutine that reads.
func (c *Conn) Buffered() int { return c.end - c.start }

// admits asks the budget, once, whether a frame of n bytes may be read into memory.
func (c *Conn) admits(n int64) bool {
	if c.opts.Budget == nil || n <= startSize || c.taken.Load() > 0 {
		return true
	}
	if c.crowded = c.crowded || !c.opts.Budget.Take(n); c.crowded {
		return false
	}
	if c.taken.Store(n); c.closed.Load() {
		c.giveBack() // Close may have been too early to do it
	}
	return true
}

// giveBack returns what the budget has given for a frame that does not come any more.
func (c *Conn) giveBack() {
	if n := c.taken.Swap(0); n > 0 {
		c.opts.Budget.Book(-n)
	}
}

// closedBy says that err came of our own Close, if it did.
func (c *Conn) closedBy(err error) error {
	if err != nil && c.closed.Load() {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}
