package listener

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxHead is how much of a connection's beginning is kept, in bytes: more than
	// the 16 KiB that Caddy takes as a head unless told otherwise.
	maxHead = 32 << 10
	// lastDeadline is the value of pendingDeadlines when there are none.
	lastDeadline = -1
)

// conn is a connection that can go to another listener until its server begins: when
// it has been given a whole request head, or has written something.
type conn struct {
	net.Conn
	// listener is the one whose server has the connection; set by Accept.
	listener *listener

	begun atomic.Bool
	// rest is what another server has read before, and this one has not. Once the
	// server has begun, only its reads touch it.
	rest []byte

	// pendingDeadlines is how many read deadlines net/http still sets before it decides what
	// to do with the first request, and lastDeadline when it has set them all and not
	// read or written since. Unless it is 0, listener.deciding counts the connection.
	pendingDeadlines atomic.Int32

	mu      sync.Mutex
	head    []byte // what the server has been given; nil once it has begun
	parsing bool   // the server has a whole head
	reading bool   // a read is under way
	leaving bool   // closed by the server during that read
	gone    bool   // at another listener, or closed
}

func (c *conn) Read(p []byte) (int, error) {
	if !c.begun.Load() {
		return c.readHead(p)
	}
	c.noteIO()
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// readHead reads for a server that has not begun.
func (c *conn) readHead(p []byte) (n int, err error) {
	c.mu.Lock()
	switch {
	case c.gone:
		c.mu.Unlock()
		return 0, io.EOF
	case c.parsing:
		c.decided()
		c.begins()
		c.mu.Unlock()
		return c.Read(p)
	case len(c.rest) > 0:
		n = copy(p, c.rest)
		c.rest = c.rest[n:]
	default:
		c.reading = true
		c.mu.Unlock()
		n, err = c.Conn.Read(p)
		c.mu.Lock()
		c.reading = false
	}
	leaving := c.leaving
	if !c.begun.Load() {
		c.noteRead(p[:n])
	}
	switch {
	case c.begun.Load():
	case len(c.head) > maxHead, err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		c.begins()
	case (n > 0 || leaving) && c.listener.successor() != nil:
		to := c.detach()
		c.mu.Unlock()
		c.listener.port.pass(arrival{conn: to})
		return 0, io.EOF
	}
	c.mu.Unlock()
	if leaving { // and there is nobody to go to
		_ = c.Close()
	}
	return n, err
}

// noteRead notes what the server gets. It needs the lock.
func (c *conn) noteRead(b []byte) {
	c.head = append(c.head, b...)
	sent := afterProxy(c.head)
	switch {
	case c.pendingDeadlines.Load() > 0:
	case endsHead(sent):
		c.parsing = true
		c.decides(deadlinesAfterHead)
	case wholeHello(sent) && !bytes.Contains(sent, []byte("\x02h2")): // HTTP/2 survives
		c.decides(deadlinesAfterHello)
	}
}

// decides notes that the server is about to decide what to do, which shows after
// some read deadlines. It needs the lock, and comes before anybody asks for the successor: see
// letDecide.
func (c *conn) decides(deadlines int32) {
	c.listener.decides(1)
	c.pendingDeadlines.Store(deadlines)
}

// decided notes that it has.
func (c *conn) decided() {
	if c.pendingDeadlines.Swap(0) != 0 {
		c.listener.decides(-1)
	}
}

// noteDeadline notes a read deadline.
func (c *conn) noteDeadline() {
	switch n := c.pendingDeadlines.Load(); {
	case n > 1:
		c.pendingDeadlines.CompareAndSwap(n, n-1)
	case n == 1:
		c.pendingDeadlines.CompareAndSwap(n, lastDeadline)
	}
}

// noteIO notes that the server reads or writes.
func (c *conn) noteIO() {
	if c.pendingDeadlines.Load() == lastDeadline {
		c.decided()
	}
}

// begins notes that the connection is the server's for good. It needs the lock.
func (c *conn) begins() {
	c.head = nil
	c.begun.Store(true)
}

// detach makes what is given to another listener: the connection as it came. It needs
// the lock.
func (c *conn) detach() *conn {
	c.decided()
	c.gone = true
	_ = c.Conn.SetDeadline(time.Time{})
	return &conn{Conn: c.Conn, rest: append(c.head, c.rest...)}
}

// begin notes that the server begins, and reports whether the connection is still its.
func (c *conn) begin() bool {
	if c.begun.Load() {
		c.noteIO()
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	if c.parsing {
		c.decided()
	}
	c.begins()
	return true
}

func (c *conn) Write(p []byte) (int, error) {
	if !c.begin() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// ReadFrom lets the kernel send files.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if !c.begin() {
		return 0, net.ErrClosed
	}
	return io.Copy(c.Conn, r)
}

// CloseWrite is what net/http ends a connection with whose client may still be
// sending.
func (c *conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || !c.begin() {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Close closes the connection, or gives it away where the server has not begun.
func (c *conn) Close() error {
	defer c.decided()
	c.mu.Lock()
	switch {
	case c.gone:
		c.mu.Unlock()
		return nil
	case c.begun.Load(), c.parsing, c.listener.successor() == nil:
		c.begins()
		c.mu.Unlock()
		return c.Conn.Close()
	case c.reading:
		c.leaving = true
		err := c.Conn.SetReadDeadline(time.Unix(1, 0)) // the reader gives it away
		c.mu.Unlock()
		return err
	}
	to := c.detach()
	c.mu.Unlock()
	go c.listener.port.pass(arrival{conn: to})
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	return c.deadline(t, c.Conn.SetDeadline)
}

// SetReadDeadline sets a deadline. net/http sets one between parsing a head and what
// it does with it.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.noteDeadline()
	return c.deadline(t, c.Conn.SetReadDeadline)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.deadline(t, c.Conn.SetWriteDeadline)
}

// deadline sets one, unless the connection has gone away.
func (c *conn) deadline(t time.Time, set func(time.Time) error) error {
	if c.begun.Load() {
		return set(t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone || c.leaving {
		return net.ErrClosed
	}
	if c.parsing {
		c.begins()
	}
	return set(t)
}
