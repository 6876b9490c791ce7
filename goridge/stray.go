package goridge

import (
	"bytes"
	"io"
)

// resync hands the buffered bytes that are no frame to Options.Stray, up to
// the first that can be the beginning of one, and parses the header there. It
// keeps at most the 11 bytes that an incomplete header can have, and only for
// as long as each of them fits.
func (c *Conn) resync(h *Header) (int, error) {
	b := c.buffered()
	for skipped := range b {
		size, err := ParseHeader(b[skipped:], h)
		if err != ErrBadFrame {
			c.stray(skipped)
			return size, err
		}
	}
	c.stray(len(b))
	return 0, io.ErrShortBuffer
}

// stray hands n buffered bytes to Options.Stray.
func (c *Conn) stray(n int) {
	if n > 0 {
		c.opts.Stray(c.buffered()[:n:n])
		c.start += n
	}
}

// refuse ends reading with a FrameError that shows the first of the bytes in
// question, those included that can be had without waiting: the first piece of
// a message is not always the whole of it.
func (c *Conn) refuse(op string, reason error) error {
	c.want, c.limit = previewSize, 0
	for c.end-c.start < previewSize {
		if n, err := c.fill(c.poll.read); n == 0 || err != nil {
			break
		}
	}
	b := c.buffered()
	return c.stopReading(&FrameError{Op: op, Preview: bytes.Clone(b[:min(len(b), previewSize)]), Err: reason})
}
