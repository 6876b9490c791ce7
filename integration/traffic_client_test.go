package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// reply is what a client saw of its order.
type reply struct {
	order
	begin, end time.Time
	since      time.Time // when the connection was made
	kept       bool      // the connection had carried an answer before
	heard      bool      // a byte came
	status     int       // 0 without the head of an answer
	wrong      string    // the first thing that is not as ordered, in a 200 answer
	whole      bool      // the body came to its end
	left       bool      // the client went away before that
	err        error     // what the connection said
}

// caller is a client with one connection, which it keeps as long as the server does.
// It repeats nothing. Not safe for concurrent use.
type caller struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	since   time.Time
	kept    bool
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.conn, c.kept = nil, false
}

// ask sends the order and reads its answer. It returns soon after bound, at the latest.
func (c *caller) ask(o order, bound time.Duration) (r reply) {
	r = reply{order: o, begin: time.Now()}
	defer func() {
		if r.end = time.Now(); r.err != nil || r.left {
			c.close()
		}
	}()
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, bound)
		if err != nil {
			r.err = err
			return r
		}
		c.conn, c.in, c.since = conn, bufio.NewReader(conn), r.begin
	}
	r.since, r.kept, c.kept = c.since, c.kept, true
	_ = c.conn.SetDeadline(r.begin.Add(bound))
	message := append([]byte(o.head(c.address)), o.content()...)
	if o.leave.how == "half" {
		message = message[:len(message)-o.body+min(o.leave.bytes, max(0, o.body-1))]
		if o.body == 0 {
			message = message[:len(message)-2] // the empty line is missing
		}
		_, r.err = c.conn.Write(message)
		r.left = true
		return r
	}
	if _, r.err = c.conn.Write(message); r.err != nil {
		// The answer, if there is one, says more than that.
		_ = c.conn.SetReadDeadline(time.Now().Add(time.Second))
	} else if o.leave.how == "early" {
		_ = c.conn.SetReadDeadline(time.Now().Add(o.leave.after))
	}
	if _, err := c.in.Peek(1); err != nil {
		if o.leave.how == "early" && errors.Is(err, os.ErrDeadlineExceeded) {
			r.left = true
			return r
		}
		r.err = errors.Join(r.err, err)
		return r
	}
	r.heard, r.err = true, nil
	_ = c.conn.SetReadDeadline(r.begin.Add(bound))
	res, err := http.ReadResponse(c.in, &http.Request{Method: o.method})
	if err != nil {
		r.err = fmt.Errorf("reading the head of the answer: %w", err)
		return r
	}
	r.status = res.StatusCode
	c.read(&r, res)
	if r.whole && res.Close {
		c.close()
	}
	return r
}

// read takes the body and compares it as it comes.
func (c *caller) read(r *reply, res *http.Response) {
	if r.status != http.StatusOK {
		_, r.err = io.Copy(io.Discard, res.Body)
		r.whole = r.err == nil
		return
	}
	if got := res.Header.Get("X-Echo"); got != r.echo() {
		r.wrong = fmt.Sprintf("the header X-Echo is %q, want %q", got, r.echo())
	}
	want := &expected{want: r.answer()}
	var body io.Reader = res.Body
	if r.leave.how == "within" {
		body = io.LimitReader(body, int64(r.leave.bytes))
	}
	_, r.err = io.Copy(want, body)
	switch {
	case r.wrong != "":
	case want.wrong != "":
		r.wrong = want.wrong
	case r.err != nil: // it broke off
	case r.leave.how == "within" && len(want.want) >= r.leave.bytes:
		r.left = true
	case want.at < len(want.want):
		r.wrong = fmt.Sprintf("the body ends after %d of %d bytes", want.at, len(want.want))
	case c.in.Buffered() > 0:
		more, _ := c.in.Peek(min(60, c.in.Buffered()))
		r.wrong = fmt.Sprintf("%d bytes came behind the answer: %q", c.in.Buffered(), more)
	}
	r.whole = r.err == nil && !r.left
}

// expected takes bytes and remembers the first that is not as wanted.
type expected struct {
	want  []byte
	at    int
	wrong string
}

func (e *expected) Write(p []byte) (int, error) {
	rest := e.want[e.at:]
	if n := min(len(p), len(rest)); e.wrong == "" && (len(p) > n || !bytes.Equal(p[:n], rest[:n])) {
		i := 0
		for i < n && p[i] == rest[i] {
			i++
		}
		e.wrong = fmt.Sprintf("from byte %d on the body is %.100q, want %.100q", e.at+i, p[i:], rest[i:])
	}
	e.at = min(e.at+len(p), len(e.want))
	return len(p), nil
}
