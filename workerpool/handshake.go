package workerpool

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// handshake outcomes that are not errors of a relay.
var (
	errBootTimeout = errors.New("it did not ask for a request in time")
	errBootStopped = errors.New("it was stopped while it started")
)

// reply is what came of one candidate.
type reply struct {
	from *candidate
	conn *goridge.Conn
	pid  int
	err  error
}

// handshake sends the pid frame on every relay and waits until the worker asks
// for its first request on one of them, which is the end of its boot. It
// returns that relay and the PID of the PHP process, which is not the child's
// where the command is a wrapper. The other relays are closed, except that
// stdout goes on being logged.
func (c *child) handshake(timeout time.Duration, stop <-chan struct{}) (*goridge.Conn, int, error) {
	replies := make(chan reply, len(c.candidates))
	for _, k := range c.candidates {
		c.readers.Go(func() { k.listen(replies) })
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()

	fail := func(err error) (*goridge.Conn, int, error) {
		for _, k := range c.candidates {
			k.verdict <- false
			if k.stdout == nil {
				k.abandon()
			}
		}
		return nil, 0, err
	}
	done := c.Done()
	var lastErr error
	for pending := len(c.candidates); pending > 0; {
		select {
		case r := <-replies:
			if r.err != nil {
				lastErr = fmt.Errorf("relay on %s: %w", r.from.name, r.err)
				pending--
				continue
			}
			for _, k := range c.candidates {
				k.verdict <- k == r.from
				if k != r.from && k.stdout == nil {
					k.abandon()
				}
			}
			c.chosen = r.from
			c.closeTaps(c.chosen)
			return r.conn, r.pid, nil
		case <-done:
			// The relays still hold what it said last; they end by themselves.
			return fail(fmt.Errorf("the process ended (%s) before it asked for a request", exitText(c)))
		case <-timer.C:
			return fail(fmt.Errorf("%w (%s)", errBootTimeout, timeout))
		case <-stop:
			return fail(errBootStopped)
		}
	}
	// All relays failed, which is nearly always the end of the process.
	select {
	case <-done:
		return fail(fmt.Errorf("the process ended (%s) before it asked for a request", exitText(c)))
	case <-timer.C:
	case <-stop:
	}
	return fail(lastErr)
}

func exitText(p process) string {
	text, _ := p.Exit()
	return text
}

// listen waits for the pid reply. On stdout it then goes on logging whatever
// comes, unless this relay was chosen.
func (k *candidate) listen(replies chan<- reply) {
	conn := k.conn
	if k.accept != nil {
		var err error
		if conn, err = k.accept(); err != nil {
			replies <- reply{from: k, err: err}
			return
		}
	}
	if _, err := conn.Write(goridge.AppendControlPID(nil, os.Getpid())); err != nil {
		// A script that has ended already; stdout may still hold its words.
		if k.stdout == nil {
			replies <- reply{from: k, err: err}
			return
		}
	}
	replied := false
	for {
		var f goridge.Frame
		if err := conn.ReadFrame(&f); err != nil {
			if k.stdout != nil {
				k.stdout.flush()
			}
			if !replied {
				replies <- reply{from: k, err: err}
			}
			return
		}
		pid, err := f.PID()
		f.Release()
		if err != nil || replied {
			continue // from somebody who spoke too early, or on a relay that is only logged
		}
		replied = true
		replies <- reply{from: k, conn: conn, pid: pid}
		if <-k.verdict {
			return
		}
		if k.stdout == nil {
			conn.Close()
			return
		}
	}
}
