package goridge

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Write sends p, one whole frame, in one piece. It blocks until the relay has
// taken all of it, and is safe for concurrent use. Its error is always a
// *WriteError.
//
// PHP reads a header with one single read and gives up when it gets less than
// all of it. A frame that is put together by several writes kills the worker,
// therefore p must start with a whole header. For the same reason p may be
// several frames only if a pipe takes them at once: up to 4096 bytes together
// on Linux, 512 elsewhere.
func (c *Conn) Write(p []byte) (int, error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	n, err := c.write(p)
	if err != nil {
		err = &WriteError{Op: "writing a frame", Sent: int64(n), Err: err}
	}
	return n, err
}

// WriteBody sends head in one piece, as Write does, and then exactly n bytes
// of body, which the header in head has announced. No other write gets in
// between. It blocks, and is safe for concurrent use; never more than n bytes
// are taken from body.
//
// A body that ends or fails before is ErrShortBody. The peer waits for the
// missing bytes in vain then: the Conn is ErrBroken and of no more use. Every
// error is a *WriteError.
func (c *Conn) WriteBody(head []byte, body io.Reader, n int64) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if n < 0 {
		return &WriteError{Op: "writing a frame", Err: fmt.Errorf("negative body length %d", n)}
	}
	sent, err := c.write(head)
	if err != nil {
		return &WriteError{Op: "writing a frame", Sent: int64(sent), Err: err}
	}
	c.writeErr = ErrBroken // until the last byte is out, whatever happens in body
	copied, err := c.copyBody(body, n)
	if err != nil {
		return &WriteError{Op: "writing the body of a frame", Sent: int64(sent) + copied, Err: err}
	}
	c.writeErr = nil
	return nil
}

// write sends p; the caller holds the mutex.
func (c *Conn) write(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, ErrClosed
	}
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	first := 0
	if _, ok := c.w.(*os.File); ok {
		first = splitAt(len(p))
	}
	n := 0
	var err error
	if first > 0 {
		n, err = c.out.Write(p[:first])
	}
	if err == nil {
		var m int
		m, err = c.out.Write(p[first:])
		n += m
	}
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil && 0 < n && n < len(p) {
		c.writeErr = ErrBroken
	}
	return n, c.closedBy(err)
}

// copyBody copies n bytes through a pooled buffer. The standard library has no
// faster way from a file or a request body into a pipe, and its own loop would
// neither keep the two sides' errors apart nor reuse the memory.
func (c *Conn) copyBody(body io.Reader, n int64) (copied int64, err error) {
	if n == 0 {
		return 0, nil
	}
	buf := getBuffer(copySize)
	defer buf.put()
	empty := 0
	for copied < n {
		m, readErr := body.Read(buf.data[:min(int64(len(buf.data)), n-copied)])
		if m > 0 {
			empty = 0
			written, err := c.out.Write(buf.data[:m])
			copied += int64(written)
			if err == nil && written < m {
				err = io.ErrShortWrite
			}
			if err != nil {
				return copied, c.closedBy(err)
			}
			continue
		}
		if empty++; readErr == nil && empty >= maxEmptyReads {
			readErr = io.ErrNoProgress
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return copied, fmt.Errorf("%w: %d of %d bytes", ErrShortBody, copied, n)
		case readErr != nil:
			return copied, fmt.Errorf("%w: %d of %d bytes: %w", ErrShortBody, copied, n, readErr)
		}
	}
	return copied, nil
}
