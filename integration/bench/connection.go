package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

var errWrongBody = errors.New("wrong body")

// request is a whole HTTP/1.1 request of the application.
func (a application) request(path string) []byte {
	head := " " + path + " HTTP/1.1\r\nHost: " + cmp.Or(a.host, "127.0.0.1") + "\r\n"
	if a.post == 0 {
		return []byte("GET" + head + "\r\n")
	}
	return []byte("POST" + head + "Content-Type: application/octet-stream\r\nContent-Length: " + strconv.Itoa(a.post) + "\r\n\r\n" +
		strings.Repeat("x", a.post))
}

// connection is a client's keep-alive connection; it connects when it has to. For
// use by one goroutine.
type connection struct {
	address string
	app     application // every response must be right for it
	conn    net.Conn
	reader  *bufio.Reader
	body    bytes.Buffer
}

// connect opens the connection unless it is open.
func (c *connection) connect(deadline time.Time) error {
	if c.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", c.address, time.Until(deadline))
	if err != nil {
		return err
	}
	c.conn = conn
	if c.reader == nil {
		c.reader = bufio.NewReader(nil)
	}
	c.reader.Reset(conn)
	return nil
}

// exchange sends a request and reads the whole response. It fails if that is not
// 200 with the right body; a connection that failed is closed, and the next
// exchange opens another.
func (c *connection) exchange(request []byte, deadline time.Time) error {
	err := c.connect(deadline)
	if err != nil {
		return err
	}
	keep := false
	defer func() {
		if !keep {
			c.close()
		}
	}()
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	c.body.Reset()
	if _, err := io.Copy(&c.body, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	if body := c.body.Bytes(); !c.app.right(body) {
		return fmt.Errorf("%w: %d bytes %.60q, want %d bytes %.60q", errWrongBody, len(body), body, len(c.app.answer), c.app.answer)
	}
	keep = !res.Close
	return nil
}

func (c *connection) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}
