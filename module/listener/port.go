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
	// first and own stay open as long as anybody serves: the socket of the first configuration, whether Caddy
	// has closed it or not, and one that was opened behind it. Where no other process listens there they are the
	// numbers 0 and 1 of the kernel's, whatever comes and goes: a new one comes last, and the last one takes
	// the place of one that is closed.
	first, own *net.TCPListener
	beside     []*net.TCPListener // those of Caddy's that are open besides
}

// ownNumber is the kernel's number of port.own.
const ownNumber = 1

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
func (p *port) admit(l *listener) error {
	if l.socket == nil {
		go p.pump(l.Listener, l)
		return nil
	}
	if p.own == nil {
		if err := p.open(l.socket); err != nil {
			go p.pump(l.Listener, l)
			return err
		}
		go p.pump(p.first, nil)
		go p.pump(p.own, nil)
		return nil
	}
	p.beside = append(p.beside, l.socket)
	p.steer()
	go p.pump(l.socket, nil)
	time.AfterFunc(openFor, func() {
		ports.Lock()
		defer ports.Unlock()
		p.drop(l.socket)
	})
	return nil
}

// open opens the two sockets that stay, of which one is Caddy's. It needs the lock.
func (p *port) open(first *net.TCPListener) error {
	own, err := reopen(first)
	if err != nil {
		return err
	}
	if p.first, err = again(first); err != nil {
		_ = own.Close()
		return err
	}
	p.own = own
	return nil
}

// again is another descriptor of the socket of tcp.
func again(tcp *net.TCPListener) (*net.TCPListener, error) {
	file, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

// drop closes a socket of Caddy's, unless that has been done, or it is one that stays. It needs the lock.
func (p *port) drop(socket *net.TCPListener) {
	i := slices.Index(p.beside, socket)
	if i < 0 {
		return
	}
	p.beside = slices.Delete(p.beside, i, i+1)
	stop(socket)
	p.steer()
}

// steer makes what is new come to our own socket while any is open that will be closed. It needs the lock.
func (p *port) steer() {
	if len(p.beside) > 0 {
		steer(p.own, ownNumber)
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
		own, first := p.own, p.first
		p.own, p.first = nil, nil
		stop(own)
		stop(first)
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
		case errors.Is(err, net.ErrClosed) || !p.has(ln):
			return
		default:
			p.pass(arrival{err: err})
		}
	}
}

// has says that ln has not been stopped.
func (p *port) has(ln net.Listener) bool {
	ports.Lock()
	defer ports.Unlock()
	tcp, _ := ln.(*net.TCPListener)
	return tcp != nil && (tcp == p.own || tcp == p.first || slices.Contains(p.beside, tcp))
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
