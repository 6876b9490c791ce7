package workerpool

import (
	"time"

	"go.uber.org/zap"
)

// With RelayAuto the workers get pipes, which are the cheapest for small
// requests. PHP reads a pipe in pieces of 8 KiB, though, and a socket as a whole:
// a body of 1 MB takes it a fifth of the time. So a pool whose requests are large
// on average gives its workers sockets, one after the other, and pipes again when
// they have become small.
const (
	// choiceWindow is over how many requests the average is taken.
	choiceWindow = 128
	// socketAbove and pipesBelow are that average, in bytes.
	socketAbove = 32 << 10
	pipesBelow  = 4 << 10
	// choicePause is the least time between two changes.
	choicePause = time.Minute
)

// adaptiveRelay is what RelayAuto stands for at the moment. The pool's lock guards
// it.
type adaptiveRelay struct {
	socket    bool
	noSockets bool // no worker has come to its socket
	changed   time.Time
	requests  int
	bytes     int64
}

// record counts a request and reports whether the choice has changed.
func (c *adaptiveRelay) record(size int64) bool {
	c.requests++
	c.bytes += size
	if c.requests < choiceWindow {
		return false
	}
	average := c.bytes / choiceWindow
	c.requests, c.bytes = 0, 0
	if c.noSockets || c.socket && average >= pipesBelow || !c.socket && average < socketAbove {
		return false
	}
	if now := time.Now(); c.changed.IsZero() || now.Sub(c.changed) >= choicePause {
		c.socket, c.changed = !c.socket, now
		return true
	}
	return false
}

// noteSize counts a request of so many bytes; where another relay suits such
// requests better, the workers are due. It needs the lock.
func (p *Pool) noteSize(size int64) {
	if p.generation().traits.AnyRelay && p.choice.record(size) {
		p.wake()
	}
}

// relay is what a new worker gets. It needs the lock.
func (p *Pool) relay() Relay {
	if p.choice.socket {
		return RelayUnix
	}
	return p.config.Relay
}

// noSocket takes the choice back when a worker with a socket could not boot: the
// old ones stay. It reports whether that was so, and needs the lock.
func (p *Pool) noSocket(w *worker) bool {
	if w.relay != RelayUnix || !p.generation().traits.AnyRelay || !p.choice.socket {
		return false
	}
	p.choice = adaptiveRelay{noSockets: true}
	return true
}

// logRelay tells of a worker whose relay is not the usual one.
func (p *Pool) logRelay(w *worker) []zap.Field {
	fields := []zap.Field{zap.Int64("pid", w.pid.Load())}
	if w.relay != p.config.Relay {
		fields = append(fields, zap.String("relay", string(w.relay)))
	}
	return fields
}
