package goridge

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// trustedSize is how much memory a header alone is worth. For a longer
	// payload the buffer grows as the bytes arrive.
	trustedSize = 16 << 20

	// minRoom is the room behind the buffered bytes below which they are
	// moved to the front, rather than read on in small pieces.
	minRoom = 4 << 10

	// maxUsual bounds the buffer that is taken for a frame of which nothing
	// is known yet.
	maxUsual = 256 << 10

	// maxEmptyReads is how often a reader may return neither bytes nor error.
	maxEmptyReads = 100
)

// ReadFrame blocks until the next frame has arrived and puts it into f, whose
// previous content it overwrites without releasing it. One goroutine may read
// at a time.
//
// A peer that goes away between two frames is io.EOF, within one
// io.ErrUnexpectedEOF; bytes that are no frame are a *FrameError, unless
// Options.Stray takes them; after Close it is ErrClosed. Reading is over then,
// and every further call returns the same. After os.ErrDeadlineExceeded and
// ErrNotDrained it can go on.
func (c *Conn) ReadFrame(f *Frame) error {
	if err := c.readable(); err != nil {
		return err
	}
	for {
		ok, err := c.next(f)
		if ok || err != nil {
			return err
		}
		for range maxEmptyReads {
			var n int
			n, err = c.fill(c.in.Read)
			if n > 0 || err != nil {
				break
			}
			err = io.ErrNoProgress
		}
		if err != nil {
			return c.stopReading(err)
		}
	}
}

// TryReadFrame does what ReadFrame does with what is there already, and never
// blocks: it returns false when no whole frame is buffered after at most one
// non-blocking read. The beginning of a frame is kept for the next call of
// either. The non-blocking read takes an *os.File in non-blocking mode, such as
// a pipe of os.Pipe, or a socket, on Unix; elsewhere only buffered bytes count.
func (c *Conn) TryReadFrame(f *Frame) (bool, error) {
	if err := c.readable(); err != nil {
		return false, err
	}
	if ok, err := c.next(f); ok || err != nil {
		return ok, err
	}
	switch n, err := c.fill(c.poll.read); {
	case err != nil:
		return false, c.stopReading(err)
	case n == 0:
		return false, nil
	}
	return c.next(f)
}

// readable says why no frame can be read now.
func (c *Conn) readable() error {
	switch {
	case c.closed.Load():
		return ErrClosed
	case c.readErr != nil:
		return c.readErr
	case c.unread > 0:
		return fmt.Errorf("%w: %d bytes are left", ErrNotDrained, c.unread)
	}
	return nil
}

// stopReading makes an error final, but for an expired deadline.
func (c *Conn) stopReading(err error) error {
	err = c.closedBy(err)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.readErr = err
	c.giveBack()
	if c.buf != nil {
		c.buf.put()
		c.buf, c.start, c.end = nil, 0, 0
	}
	return err
}

// next takes the next frame out of the buffer. When it is not all there yet,
// next sets c.want and c.limit and returns false.
func (c *Conn) next(f *Frame) (bool, error) {
	var h Header
	size, err := ParseHeader(c.buffered(), &h)
	if err == ErrBadFrame && c.opts.Stray != nil {
		size, err = c.resync(&h)
	}
	switch {
	case err == io.ErrShortBuffer:
		c.want, c.limit = max(HeaderSize, c.end-c.start+1), 0
		return false, nil
	case err != nil:
		return false, c.refuse("reading a frame header", err)
	case int64(h.PayloadLen) > c.opts.MaxFrame:
		return false, c.refuse(fmt.Sprintf("reading a frame of %d bytes with a limit of %d", h.PayloadLen, c.opts.MaxFrame), ErrFrameTooLarge)
	}

	payload, context := int(h.PayloadLen), 0
	if h.NumOptions > 0 {
		if h.Options[0] > h.PayloadLen || h.Options[0] > maxContext {
			return false, c.refuse(fmt.Sprintf("reading a frame of %d bytes with a context of %d", h.PayloadLen, h.Options[0]), ErrBadFrame)
		}
		context = int(h.Options[0])
	}
	have, need := c.end-c.start-size, payload
	if c.opts.MaxInMemory > 0 && int64(payload) > c.opts.MaxInMemory || !c.admits(int64(size+payload)) {
		need = context
	}
	if have < need {
		c.want, c.limit = size+need, 0
		if size+payload > startSize {
			// What is behind a large frame would only have to be copied
			// out of its buffer again.
			c.limit = size + payload
		}
		return false, nil
	}
	c.take(f, &h, size, min(have, payload))
	return true, nil
}

// take moves a frame with n bytes of payload from the buffer into f. The
// buffer goes to the Frame, and what is behind it into a new one, or the other
// way round, whichever copies less.
func (c *Conn) take(f *Frame, h *Header, size, n int) {
	*f = Frame{Header: *h, rest: int64(h.PayloadLen) - int64(n), crowded: c.crowded}
	c.crowded = false
	if f.rest > 0 {
		f.conn, c.unread = c, f.rest
	}
	// The next large frame is likely to be as large: then it takes one read.
	c.usual = min(maxUsual, max(size+n, c.usual-c.usual/64))
	begin := c.start + size
	end := begin + n
	behind := c.end - end
	switch {
	case n == 0:
		c.start = end
	case behind == 0:
		f.buf, c.buf = c.buf, nil
		f.Payload = f.buf.data[begin:end]
		c.start, c.end = 0, 0
	case behind >= n:
		f.buf = getBuffer(n)
		f.Payload = f.buf.data[:copy(f.buf.data, c.buf.data[begin:end])]
		c.start = end
	default:
		f.buf, c.buf = c.buf, getBuffer(max(behind, startSize))
		f.Payload = f.buf.data[begin:end]
		c.start, c.end = 0, copy(c.buf.data, f.buf.data[end:c.end])
	}
	if f.buf != nil && c.opts.Budget != nil {
		f.budget = c.opts.Budget
		f.budget.Book(int64(len(f.buf.data)) - c.taken.Swap(0))
	} else {
		c.giveBack()
	}
}

// fill reads once, and makes the room for it.
func (c *Conn) fill(read func([]byte) (int, error)) (int, error) {
	c.reserve()
	room := c.buf.data[c.end:]
	if c.limit > 0 {
		room = room[:min(len(room), c.limit-(c.end-c.start))]
	}
	n, err := read(room)
	c.end += n
	switch {
	case n > 0:
		return n, nil // an error that lasts comes again
	case err == io.EOF:
		return 0, c.endOfInput()
	case err != nil:
		return 0, fmt.Errorf("reading a frame: %w", err)
	}
	return 0, nil
}

// reserve makes room for c.want bytes from c.start on, or for a part of them
// that is worth a read.
func (c *Conn) reserve() {
	have := c.end - c.start
	if c.buf == nil {
		c.buf = getBuffer(max(startSize, c.usual))
	}
	if c.start > 0 && (have == 0 || len(c.buf.data)-c.end < minRoom || len(c.buf.data)-c.start < c.want) {
		copy(c.buf.data, c.buffered())
		c.start, c.end = 0, have
	}
	size := c.want
	if size > trustedSize {
		if have < len(c.buf.data) && len(c.buf.data) >= trustedSize {
			return
		}
		size = min(size, max(trustedSize, 2*len(c.buf.data)))
	}
	if size > len(c.buf.data) {
		old := c.buf
		c.buf = getBuffer(size)
		copy(c.buf.data, old.data[:have])
		old.put()
	}
}

func (c *Conn) buffered() []byte {
	if c.buf == nil {
		return nil
	}
	return c.buf.data[c.start:c.end]
}

// readRest reads from the relay what belongs to a frame already handed out;
// nothing of it is ever in the buffer.
func (c *Conn) readRest(p []byte) (int, error) {
	if c.readErr != nil {
		return 0, c.readErr
	}
	n, err := c.in.Read(p)
	c.unread -= int64(n)
	if err == nil || n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return 0, c.stopReading(fmt.Errorf("reading a payload: %w", err))
}

// endOfInput tells an end between two frames from one within.
func (c *Conn) endOfInput() error {
	have := len(c.buffered())
	if have > 0 && have < crcEnd && c.opts.Stray != nil {
		// Held back because it could have become a header.
		c.stray(have)
		have = 0
	}
	if have > 0 {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}
