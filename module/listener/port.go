package listener

import (
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// openFor is how long a socket stays open that no new connection shall come to, for
// those whose handshake had begun, unless its configuration ends before. Tests make it
// shorter.
var openFor = time.Second

// port is an address at which several configurations listen while Caddy reloads.
// Where the system allows it, connections come to a socket that belongs to none of
// them, and stays open: the sockets that Caddy opens and closes beside it then never
// have one to lose.
type port struct {
	// owner is the listener that gets all that no server has begun with; nil when
	// all have been closed.
	owner atomic.Pointer[listener]

	// Guarded by ports.
	serving []*listener // those that have not been closed, the oldest first
	own     *net.TCPListener
	// sockets are that one and those of Caddy's that are open beside it, in the
	// kernel's order: a new one comes last, and the last one takes the place of one
	// that is closed.
	sockets []*net.TCPListener
}

// ports has every address at which somebody serves.
var ports = struct {
	sync.Mutex
	at map[string]*port
}{at: make(map[string]*port)}

// join makes l the listener that takes over at its address once those that serve there
// yield. The error says why connections can still be lost; l serves all the same.
func join(l *listener) error {
	ports.Lock()
	defer ports.Unlock()
	p := ports.at[l.address]
	if p == nil {
		p = new(port)
		ports.at[l.address] = p
	}
	p.serving = append(p.serving, l)
	l.port = p
	p.elect()
	return p.admit(l)
}

// elect finds the listener that gets what comes: the oldest that has not been released, for
// Caddy may still give a newer one up; without such a one, the newest. It needs the lock.
func (p *port) elect() {
	var owner *listener
	for _, owner = range p.serving {
		if !owner.released {
			break
		}
	}
	p.owner.Store(owner)
}

// release lets the next listener take over from l, if there is one.
func (p *port) release(l *listener) {
	ports.Lock()
	defer ports.Unlock()
	l.released = true
	p.elect()
}

// admit sees to it that what comes to l's socket is taken. It needs the lock.
func (p *port) admit(l *listener) (err error) {
	if l.socket == nil {
		go p.pump(l.Listener, l)
		return nil
	}
	p.sockets = append(p.sockets, l.socket)
	if p.own == nil {
		if p.own, err = reopen(l.socket); err != nil {
			p.sockets = nil
			go p.pump(l.Listener, l)
			return err
		}
		p.sockets = append(p.sockets, p.own)
		go p.pump(p.own, nil)
	}
	p.steer()
	go p.pump(l.socket, nil)
	time.AfterFunc(openFor, func() {
		ports.Lock()
		defer ports.Unlock()
		p.drop(l.socket)
	})
	return nil
}

// drop closes a socket of Caddy's, unless that has been done. It needs the lock.
func (p *port) drop(socket *net.TCPListener) {
	i, last := slices.Index(p.sockets, socket), len(p.sockets)-1
	if i < 0 {
		return
	}
	_ = socket.Close()
	p.sockets[i] = p.sockets[last]
	p.sockets = slices.Delete(p.sockets, last, last+1)
	p.steer()
}

// steer makes what is new come to our own socket. It needs the lock.
func (p *port) steer() {
	if len(p.sockets) > 1 {
		steer(p.own, slices.Index(p.sockets, p.own))
	} else {
		share(p.own)
	}
}

// leave takes l out of service.
func (p *port) leave(l *listener) {
	ports.Lock()
	defer ports.Unlock()
	p.serving = slices.DeleteFunc(p.serving, func(s *listener) bool { return s == l })
	p.drop(l.socket)
	if p.elect(); len(p.serving) > 0 {
		return
	}
	delete(ports.at, l.address)
	if p.own != nil {
		share(p.own) // the sockets of other processes stay steered otherwise
		_ = p.own.Close()
	}
}

// pump gives what comes to ln to the owner until ln is closed. An error is
// for reportTo, whose listener ln is, if there is one.
func (p *port) pump(ln net.Listener, reportTo *listener) {
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			p.pass(arrival{conn: &conn{Conn: c}})
		case reportTo != nil:
			select {
			case reportTo.arrivals <- arrival{err: err}: // the server waits a little, or ends
			case <-reportTo.done:
				return
			}
		case errors.Is(err, net.ErrClosed):
			return
		default:
			p.pass(arrival{err: err})
		}
	}
}

// pass waits until the owner takes a. A connection is closed when nobody
// serves any more.
func (p *port) pass(a arrival) {
	for {
		to := p.owner.Load()
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
