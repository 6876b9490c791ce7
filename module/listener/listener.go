package listener

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// decideFor bounds how long the end of a configuration waits for requests that one of
// its servers is just parsing, and for handshakes under way.
const decideFor = 250 * time.Millisecond

// listener is what one configuration has of a port.
type listener struct {
	// Listener is Caddy's, which counts: it is closed, once, with this one.
	net.Listener
	socket    *net.TCPListener // inside that one, where it may be closed
	address   string
	keepAlive net.KeepAliveConfig
	port      *port
	released  bool // its configuration ends; guarded by ports

	arrivals chan arrival
	closing  sync.Once
	done     chan struct{} // closed by Close

	// deciding counts the connections whose server has got a whole head, or begun
	// a handshake, and has not shown yet what it does.
	deciding atomic.Int64
	decided  chan struct{} // holds a token when there is none any more
}

// arrival is what Accept returns.
type arrival struct {
	conn *conn
	err  error
}

// successor is the listener that gets what no server has begun with, where that is
// another one.
func (l *listener) successor() *listener {
	if owner := l.port.owner.Load(); owner != l {
		return owner
	}
	return nil
}

// Accept waits for the next connection, which may have come by another listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.arrivals:
		if a.err != nil {
			return nil, a.err
		}
		a.conn.listener = l
		if tcp, ok := a.conn.Conn.(*net.TCPConn); ok {
			_ = tcp.SetKeepAliveConfig(l.keepAlive)
		}
		return a.conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. What still comes goes to the listener that takes over.
func (l *listener) Close() (err error) {
	l.closing.Do(func() {
		l.port.leave(l)
		close(l.done)
		if err = l.Listener.Close(); l.socket != nil {
			err = nil // it may have been closed before
		}
	})
	return err
}

// decides counts connections.
func (l *listener) decides(n int64) {
	if l.deciding.Add(n) == 0 {
		select {
		case l.decided <- struct{}{}:
		default:
		}
	}
}

// letDecide waits until l's server is not about to begin a first request anywhere, so
// that it is not when it is shut down: it would close that connection instead. Where
// nobody takes over, new connections still come, and it does not wait.
func (l *listener) letDecide(ctx context.Context) {
	for l.successor() != nil && l.deciding.Load() > 0 {
		select {
		case <-l.decided:
		case <-ctx.Done():
			return
		}
	}
}
