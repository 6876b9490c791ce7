package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// worker is one process and its relay. Its owner goroutine (live) starts it,
// waits for it and reaps it; a turn borrows the relay in between.
type worker struct {
	pool  *Pool
	relay Relay

	generation *generation
	lifetime   time.Duration // 0: no limit

	// Set by the owner before the worker is ready, never changed after.
	child    launch.Worker
	memory   process.MemoryGauge
	maxTurns int64 // 0: no limit

	pid     atomic.Int64 // of PHP, once known; until then of the child
	started time.Time
	served  atomic.Int64
	rss     atomic.Int64 // bytes, at the last reading
	// relayDead: the process is dead and its relay is empty, but somebody still holds the other end.
	relayDead atomic.Bool

	// Guarded by Pool.mu.
	phase      phase
	turn       turnPhase
	due        Reason    // not "": has reached a limit of its own; see Pool.due
	retireBy   time.Time // retiring: when it is cut
	reason     Reason    // stopping: why; "": it ended by itself
	force      bool      // stopping: without the stop frame
	cut        bool      // stopping: although it had a request
	used       bool      // it has been given a request
	idleSince  time.Time // of noTurn
	turnStart  time.Time // of every other
	cpu        cpuMark
	overdue    bool // stopping: because its CPU time is used up
	blamed     bool // and its request has been told
	diedAtWork bool // it has ended, or was ended, within a request that it had begun

	leftAhead   bool          // some that were sent to it may lie in its relay, though others have them now
	ahead       []*waiter     // requests sent to it behind that of its turn
	interrupted bool          // the reading of its turn has been interrupted, because it takes long
	free        chan struct{} // not nil: to be closed when its turn ends

	// outputDone is closed when the process has ended and what it printed has
	// been read.
	outputDone chan struct{}

	// removed is closed when the worker has left the pool.
	removed chan struct{}

	// leaving ends when the worker is stopping: leave is called. hastened is closed
	// when force is added after that.
	leaving  context.Context
	leave    context.CancelFunc
	hastened chan struct{}

	// Owned by whoever holds the turn; where nobody does, guarded by Pool.mu.
	link       launch.Link
	answeredAt time.Time // when the last answer was complete
	worksLate  bool      // works for long after its responses
}

// live is the owner goroutine's work, from start to end.
func (w *worker) live() {
	p := w.pool
	begin := time.Now()
	if err := w.boot(); err != nil {
		p.bootFailed(w, err)
		return
	}
	level := zap.InfoLevel
	if w.generation.traits.OneRequest {
		level = zap.DebugLevel
	}
	p.Log().Log(level, "worker ready", append(p.logRelay(w), zap.Duration("boot", time.Since(begin)))...)
	p.ready(w, time.Since(begin))
	select {
	case <-w.child.Done():
		p.exited(w)
	case <-w.leaving.Done():
		w.end()
	}
	w.cleanUp()
	w.awaitTurn()
	p.reaped(w)
	w.closeRelay()
}

// awaitTurn waits, not for long, until the turn is over of a process that has ended in order, or
// that has answered nothing: only then is it known whether it answered. A script without a
// loop can be reaped before its answer has been read.
func (w *worker) awaitTurn() {
	if _, orderly := w.child.Exit(); !orderly && w.served.Load() > 0 {
		return
	}
	patience := time.NewTimer(500 * time.Millisecond)
	defer patience.Stop()
	select {
	case <-w.pool.whenFree(w):
	case <-w.pool.killAll:
	case <-patience.C:
	}
}

// boot starts the process and waits until it asks for requests. On failure
// nothing of it is left.
func (w *worker) boot() error {
	p := w.pool
	cfg := &p.config
	child, err := w.generation.launcher.Launch(launch.Order{Relay: w.relay, Log: p.Log})
	if err != nil {
		return p.bootError(w.generation.traits, &notStarted{err}, nil, "")
	}
	w.child = child
	w.pid.Store(int64(child.PID()))
	ctx, cancel := context.WithTimeoutCause(w.leaving, cfg.BootTimeout, fmt.Errorf("%w (%s)", errBootTimeout, cfg.BootTimeout))
	defer cancel()
	if w.link, err = child.Link(ctx); err == nil {
		pid := w.link.PID()
		w.link.OnDropped(w.logDropped)
		w.pid.Store(int64(pid))
		w.memory = process.OpenMemoryGauge(pid)
		if cfg.MaxRequests > 0 {
			spread := int64(cfg.MaxRequests) * int64(cfg.MaxRequestsJitter) / 100
			w.maxTurns = int64(cfg.MaxRequests) + rand.Int64N(spread+1)
		}
		err = w.warmUp(ctx)
	} else if w.leaving.Err() != nil {
		err = errBootStopped
	}
	if err == nil {
		return nil
	}
	child.Kill()
	<-child.Done()
	if w.link != nil {
		w.link.FlushText()
	}
	w.cleanUp()
	if w.link != nil {
		w.link.Close()
	}
	lines, fatal := child.Transcript()
	return p.bootError(w.generation.traits, err, lines, fatal)
}

// What ends a boot that neither fails nor succeeds.
var (
	errBootTimeout = errors.New("it did not ask for a request in time")
	errBootStopped = errors.New("it was stopped while it started")
)

// outputPatience is how long the end of what a process printed is waited for when it has
// ended itself.
const outputPatience = 500 * time.Millisecond

// cleanUp lets the readers take what the process printed last, for a moment
// only, since a process that PHP left behind may hold the pipes open; then it
// closes our ends, but for the relay.
func (w *worker) cleanUp() {
	read := w.child.OutputDone()
	patience := time.NewTimer(w.pool.config.outputPatience)
	defer patience.Stop()
	select {
	case <-read:
	case <-patience.C:
	}
	w.child.Close()
	<-read
	close(w.outputDone)
	w.memory.Close()
}

// closeRelay closes the relay of a process that has ended. A turn may still be
// reading: what the process wrote last lies in the relay, for as long as it
// takes a slow client, but for StopTimeout only when the pool is stopped. It is
// over where nothing lies there and no end comes, because a process that PHP left
// behind holds the other end.
func (w *worker) closeRelay() {
	defer w.link.Close()
	free := w.pool.whenFree(w)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	stopped := w.pool.stopped
	var late <-chan time.Time
	for empty := 0; ; {
		select {
		case <-stopped:
			stopped, late = nil, time.After(w.pool.config.StopTimeout)
		case <-late:
			return
		case <-free:
			w.link.Drain()
			return
		case <-w.pool.killAll:
			return
		case <-tick.C:
		}
		if w.link.Waiting() > 0 {
			empty = 0
		} else if empty++; empty >= 5 {
			w.relayDead.Store(true)
			if !w.link.Interrupt() {
				return // it knows no deadlines
			}
		}
	}
}

// logDropped tells of an error that came too late to be anybody's answer.
func (w *worker) logDropped(text string) {
	w.pool.Log().Warn("dropped an error that the worker reported after its answer; a worker must respond exactly once to each request",
		zap.Int64("pid", w.pid.Load()), zap.String("text", launch.Printable(text, "\n")))
}

// readError is what an error of reading means: none comes any more from a worker that is over.
func (w *worker) readError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && w.relayDead.Load() {
		return io.EOF
	}
	return err
}
