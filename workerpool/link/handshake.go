package link

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// ErrEnded says that a process ended before it asked for a request.
var ErrEnded = errors.New("the process ended before it asked for a request")

// ErrNotConnected says that a worker has not come to the socket that it was offered.
var ErrNotConnected = errors.New("it has not connected to the socket that RR_RELAY names")

// reply is what came of one offer.
type reply struct {
	from  *Offer
	conn  *goridge.Conn
	hello goridge.Hello
	err   error
}

// Handshake sends the pid frame on every relay that is offered and waits until the worker asks
// for its first request on one of them, which is the end of its boot. The other relays
// are closed, except that text goes on being read.
//
// run starts a goroutine for each offer, which ends with the process at the latest, or with
// [Offer.Cancel]. exited is closed when the process has ended.
//
// Errors: [ErrEnded], the cause of ctx, with [ErrNotConnected] where there is a socket only, and where all relays have failed and the process lives on
// until ctx ends, that of the last one.
func Handshake(ctx context.Context, offers []*Offer, exited <-chan struct{}, run func(func())) (*Link, error) {
	replies := make(chan reply, len(offers))
	for _, o := range offers {
		run(func() { o.listen(replies) })
	}
	// choose tells the others that they were not taken.
	choose := func(taken *Offer) {
		for _, o := range offers {
			o.taken = o == taken
			o.chosen <- o.taken
			if !o.taken && o.text == nil {
				o.cancel()
			}
		}
	}
	var lastErr error
	for pending := len(offers); pending > 0; {
		select {
		case r := <-replies:
			if r.err != nil {
				lastErr = fmt.Errorf("relay on %s: %w", r.from.name, r.err)
				pending--
				continue
			}
			choose(r.from)
			l := New(r.conn, r.hello)
			l.offer, l.Peeks = r.from, r.from.requests == nil
			return l, nil
		case <-exited:
			// The relays still hold what it said last; they end by themselves.
			choose(nil)
			return nil, ErrEnded
		case <-ctx.Done():
			choose(nil)
			return nil, late(ctx, offers)
		}
	}
	// All relays failed, which is nearly always the end of the process.
	defer choose(nil)
	select {
	case <-exited:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, lastErr
	}
}

// late is the error of a worker that has not asked for a request when ctx ends.
func late(ctx context.Context, offers []*Offer) error {
	for _, o := range offers {
		if o.accept == nil || o.connected.Load() {
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), ErrNotConnected)
}

// listen waits for the pid reply. A relay with text is read on then, unless it was chosen.
func (o *Offer) listen(replies chan<- reply) {
	conn := o.conn
	if o.accept != nil {
		var err error
		if conn, err = o.accept(); err != nil {
			replies <- reply{from: o, err: err}
			return
		}
		o.connected.Store(true)
	}
	if _, err := conn.Write(goridge.AppendControlPID(nil, os.Getpid())); err != nil {
		// A script that has ended already; stdout may still hold its words.
		if o.text == nil {
			replies <- reply{from: o, err: err}
			return
		}
	}
	replied := false
	for {
		var f goridge.Frame
		if err := conn.ReadFrame(&f); err != nil {
			if o.text != nil {
				o.text.Flush()
			}
			if !replied {
				replies <- reply{from: o, err: err}
			}
			return
		}
		hello, err := f.Hello()
		f.Release()
		if err != nil || replied {
			continue // from somebody who spoke too early, or on a relay that is only read for its text
		}
		replied = true
		replies <- reply{from: o, conn: conn, hello: hello}
		if <-o.chosen {
			return
		}
		if o.text == nil {
			conn.Close()
			return
		}
	}
}
