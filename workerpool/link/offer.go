package link

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// Offer is one relay on which a worker that starts may answer. [Handshake] finds out on
// which of several it does.
type Offer struct {
	name string
	// conn is ready from the start, or comes from accept.
	conn   *goridge.Conn
	accept func() (*goridge.Conn, error)
	// connected says that accept has returned one.
	connected atomic.Bool
	// requests is our end of the pipe that the worker reads; nil for a socket.
	requests *os.File
	// answers is our end of what it writes.
	answers syscall.Conn
	// cancel ends a pending accept or read.
	cancel func()
	// text takes what is not a frame; nil for a relay that carries nothing else.
	text Text

	taken  bool
	chosen chan bool // whether this offer was taken
}

// Text takes what a worker prints between its frames. It is used by one goroutine at a
// time: the one that reads the relay.
type Text interface {
	io.Writer
	// Flush ends a line that has no end.
	Flush()
}

// OnPipes offers a pair of pipes, of which answers and requests are our ends. text, which may
// be nil, takes what is not a frame: stdout, which goes on being read when another relay
// is taken. Handshake, or Cancel, closes the pipes.
func OnPipes(name string, answers, requests *os.File, options goridge.Options, text Text) *Offer {
	if text != nil {
		options.Stray = func(p []byte) { _, _ = text.Write(p) }
	}
	o := OnConn(name, goridge.NewConn(answers, requests, options))
	o.requests, o.answers, o.text = requests, answers, text
	return o
}

// OnSocket offers a socket, for one connection. cancel ends a pending Accept; it is called once
// at least, and then nobody else can come.
func OnSocket(name string, l net.Listener, options goridge.Options, cancel func()) *Offer {
	o := &Offer{name: name, cancel: cancel, chosen: make(chan bool, 1)}
	o.accept = func() (*goridge.Conn, error) {
		defer cancel()
		conn, err := l.Accept()
		if err != nil {
			return nil, err
		}
		o.answers, _ = conn.(syscall.Conn)
		return goridge.NewConn(conn, conn, options), nil
	}
	return o
}

// OnConn offers a relay of any other kind.
func OnConn(name string, conn *goridge.Conn) *Offer {
	return &Offer{name: name, conn: conn, cancel: func() { conn.Close() }, chosen: make(chan bool, 1)}
}

// Cancel takes the offer back, unless it has been taken: then the relay belongs to the Link.
// Idempotent. It must not be called during Handshake.
func (o *Offer) Cancel() {
	if !o.taken {
		o.cancel()
	}
}
