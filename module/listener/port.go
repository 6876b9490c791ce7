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
// those whose handshake had begun, unless its configuration ends before.
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
// there. The error says why connections can still be lost; l serves all the same.
func join(l *listener) (older []*listener, err error) {
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
	return older, p.admit(l)
}

// admit sees to it that what comes to l's socket is taken. It needs the lock.
func (p *port) admit(l *listener) (err error) {
	if l.socket == nil {
		go p.pump(l.Listener, l)
		return nil
	}
	stays := linger
	if p.own == nil {
		if p.own, err = reopen(l.socket); err != nil {
			go p.pump(l.Listener, l)
			return err
		}
		go p.pump(p.own, nil)
		stays = 10 * time.Millisecond // nobody steers past it
	} else {
		steer(p.own)
	}
	p.guests++
	go p.pump(l.socket, nil)
	time.AfterFunc(stays, func() {
		ports.Lock()
		defer ports.Unlock()
		_ = l.socket.Close()
		if p.guests--; p.guests == 0 {
			share(p.own)
		}
	})
	return nil
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
		share(p.own) // the sockets of other processes stay steered otherwise
		_ = p.own.Close()
	}
}

// pump gives what comes to ln to the newest listener until ln is closed. An error is
// for the owner of ln, if it has one.
func (p *port) pump(ln net.Listener, owner *listener) {
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			p.pass(arrival{conn: &conn{Conn: c}})
		case owner != nil:
			select {
			case owner.arrivals <- arrival{err: err}: // the server waits a little, or ends
			case <-owner.done:
				return
			}
		case errors.Is(err, net.ErrClosed):
			return
		default:
			p.pass(arrival{err: err})
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
