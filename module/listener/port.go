package listener

import (
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long a socket stays open that no new connection shall come to, for
// those whose handshake had begun.
const linger = time.Second

// port is an address at which several configurations listen while Caddy reloads.
// Where the system allows it, connections come to a socket that belongs to none of
// them, and stays open: the sockets that Caddy opens and closes beside it then never
// have one to lose.
type port struct {
	// newest is the listener that gets all that no server has begun with; nil when
	// all have been closed.
	newest atomic.Pointer[listener]

	// Guarded by ports.
	serving []*listener // those that have not been closed, the oldest first
	own     *net.TCPListener
	guests  int // sockets of Caddy's that are still open beside it
}

// ports has every address at which somebody serves.
var ports = struct {
	sync.Mutex
	at map[string]*port
}{at: make(map[string]*port)}

// join makes l the newest listener of its address, and returns the others that serve
// there.
func join(l *listener) (older []*listener) {
	ports.Lock()
	defer ports.Unlock()
	p := ports.at[l.address]
	if p == nil {
		p = new(port)
		ports.at[l.address] = p
	}
	older = slices.Clone(p.serving)
	p.serving = append(p.serving, l)
	l.port = p
	p.newest.Store(l)
	p.admit(l.Listener)
	return older
}

// admit sees to it that what comes to ln is taken. It needs the lock.
func (p *port) admit(ln net.Listener) {
	socket := inside(ln)
	if socket == nil {
		go p.pump(ln)
		return
	}
	if p.own == nil {
		own, err := reopen(socket)
		if err != nil {
			go p.pump(ln)
			return
		}
		p.own = own
		go p.pump(own)
		_ = socket.Close() // it is the first, so there is nothing to lose
		return
	}
	steer(p.own)
	p.guests++
	go p.pump(socket)
	time.AfterFunc(linger, func() {
		ports.Lock()
		defer ports.Unlock()
		_ = socket.Close()
		if p.guests--; p.guests == 0 {
			share(p.own)
		}
	})
}

// leave takes l out of service.
func (p *port) leave(l *listener) {
	ports.Lock()
	defer ports.Unlock()
	p.serving = slices.DeleteFunc(p.serving, func(s *listener) bool { return s == l })
	if n := len(p.serving); n > 0 {
		p.newest.Store(p.serving[n-1])
		return
	}
	p.newest.Store(nil)
	delete(ports.at, l.address)
	if p.own != nil {
		_ = p.own.Close()
	}
}

// pump gives what comes to ln to the newest listener until ln is closed.
func (p *port) pump(ln net.Listener) {
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			p.pass(arrival{conn: &conn{Conn: c}})
		case errors.Is(err, net.ErrClosed):
			return
		default:
			p.pass(arrival{err: err}) // the server waits a little, or ends
		}
	}
}

// pass waits until the newest listener takes a. A connection is closed when nobody
// serves any more.
func (p *port) pass(a arrival) {
	for {
		to := p.newest.Load()
		if to == nil {
			if a.conn != nil {
				_ = a.conn.Conn.Close()
			}
			return
		}
		select {
		case to.arrivals <- a:
			return
		case <-to.done:
		}
	}
}
