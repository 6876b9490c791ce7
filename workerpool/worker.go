package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// worker is one process and its relay. Its owner goroutine (live) starts it,
// waits for it and reaps it; a turn borrows the relay in between.
type worker struct {
	pool  *Pool
	out   *output
	relay Relay

	lifetime time.Duration // 0: no limit

	// Set by the owner before the worker is ready, never changed after.
	child    *child
	conn     *goridge.Conn
	memory   memoryGauge
	maxTurns int64 // 0: no limit

	pid     atomic.Int64 // of PHP, once known; until then of the child
	started time.Time
	served  atomic.Int64
	rss     atomic.Int64 // bytes, at the last reading
	over    atomic.Bool  // nothing comes any more, though the relay is not closed

	// Guarded by Pool.mu.
	state     State
	due       Reason // not "": to be replaced, serves until then
	retiring  bool   // leaves when its turn ends, or at retireBy
	retireBy  time.Time
	reason    Reason // why it was sent away; "": it ended by itself
	idleSince time.Time
	turnStart time.Time

	held        bool          // a turn has it
	settling    bool          // and has no request for it: it works on after its last answer
	line        []*waiter     // sent to it already, behind the request of that turn
	sentAhead   bool          // that turn's request was, too
	nudged      bool          // a read deadline is set to interrupt that turn
	nudgedAgain bool          // or has been, for the second time
	free        chan struct{} // not nil: to be closed when that turn ends

	// silent is closed when the process has ended and what it printed has
	// been read.
	silent chan struct{}

	// leave is closed when the owner shall send the process away; hurry is
	// set before where it shall not be asked politely.
	leave chan struct{}
	hurry bool

	// Owned by whoever holds the turn; where nobody does, guarded by Pool.mu.
	settled    bool      // the pid frame behind the last answer has arrived
	doubt      int       // pid frames that arrive before that one
	abandoned  int       // answers that arrive before that one, to be dropped
	extra      int       // pid frames that may arrive after it and before the next answer
	answeredAt time.Time // when that answer was complete
	batch      []byte    // what is sent in one piece
	slowTail   bool      // works for long after its responses
	wantsOut   bool      // asked to be replaced
	// afterStream says that the answer before was a stream and that the next
	// request, a single one, was sent before that was known.
	afterStream bool
}

// live is the owner goroutine's work, from start to end.
func (w *worker) live() {
	p := w.pool
	begin := time.Now()
	if err := w.boot(); err != nil {
		p.bootFailed(w, err)
		return
	}
	p.log().Info("worker ready", append(p.logRelay(w), zap.Duration("boot", time.Since(begin)))...)
	p.ready(w, time.Since(begin))
	select {
	case <-w.child.Done():
		p.ended(w)
	case <-w.leave:
		w.sendAway()
	}
	w.cleanUp()
	w.firstAnswer()
	p.gone(w)
	w.closeRelay()
}

// firstAnswer waits, not for long, until the first turn of a process that has
// ended is over: only then is it known whether it answered. A script without a
// loop can be reaped before its answer has been read.
func (w *worker) firstAnswer() {
	if w.served.Load() > 0 {
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
	child, err := p.launch(spawnSpec{config: cfg, relay: w.relay, folder: p.folder, iniDir: p.iniDir, output: w.out})
	if err != nil {
		return cfg.bootError(&notStarted{text: err.Error(), err: err}, w.out)
	}
	w.child = child
	w.pid.Store(int64(child.PID()))
	deadline := time.Now().Add(cfg.BootTimeout)
	relay, pid, err := child.handshake(cfg.BootTimeout, w.leave)
	if err == nil {
		w.conn = relay
		child.LeadsTo(pid)
		w.settled = true
		w.pid.Store(int64(pid))
		w.out.pid.Store(int64(pid))
		w.memory = openMemoryGauge(pid)
		if cfg.MaxRequests > 0 {
			spread := int64(cfg.MaxRequests) * int64(cfg.MaxRequestsJitter) / 100
			w.maxTurns = int64(cfg.MaxRequests) + rand.Int64N(spread+1)
		}
		err = w.warmUp(deadline)
	}
	if err == nil {
		return nil
	}
	child.Kill()
	<-child.Done()
	child.lastWords()
	w.cleanUp()
	if w.conn != nil {
		w.conn.Close()
	}
	return cfg.bootError(err, w.out)
}

// warmUp sends the warm-up request and lets its check judge the answer.
func (w *worker) warmUp(deadline time.Time) error {
	warmup := w.pool.config.Warmup
	if warmup == nil {
		return nil
	}
	timeout, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	defer context.AfterFunc(timeout, w.child.Kill)()
	go func() {
		select {
		case <-w.leave:
			w.child.Kill()
		case <-timeout.Done():
		}
	}()
	t := &Turn{pool: w.pool, worker: w}
	request := warmup.Request
	request.Frame = slices.Clip(request.Frame) // other workers use it, too
	t.prepare(&request)
	if err := t.exchange(&request); err != nil {
		return fmt.Errorf("sending the warm-up request: %w", err)
	}
	err := warmup.Check(&t.Frame)
	for t.open && err == nil {
		if _, err = io.Copy(io.Discard, &t.Frame); err == nil {
			err = t.Next()
		}
	}
	t.Frame.Release()
	if err != nil && err != io.EOF {
		return fmt.Errorf("warming up: %w", err)
	}
	return nil
}

// sendAway ends the process: stop frame, SIGTERM, SIGKILL; or, in a hurry,
// without the frame. It returns when the process has been reaped.
func (w *worker) sendAway() {
	patience := w.pool.config.StopTimeout
	half := patience / 2
	if w.hurry {
		half, patience = 0, min(patience, time.Second)
		if w.reason == ReasonCrash {
			half = patience / 4 // it is ending already, and its exit status is worth having
		}
	} else if _, err := w.conn.Write(goridge.AppendControlStop(nil)); err != nil {
		half = 0
	}
	term := time.AfterFunc(half, w.child.Terminate)
	kill := time.AfterFunc(patience, w.child.Kill)
	defer term.Stop()
	defer kill.Stop()
	select {
	case <-w.child.Done():
	case <-w.pool.killAll:
		w.child.Kill()
		<-w.child.Done()
	}
}

// outputLingers is how long the end of what a process printed is waited for when it has
// ended itself.
const outputLingers = 500 * time.Millisecond

// cleanUp lets the readers take what the process printed last, for a moment
// only, since a process that PHP left behind may hold the pipes open; then it
// closes our ends, but for the relay.
func (w *worker) cleanUp() {
	w.child.closeTaps(nil) // it would keep a write from failing
	read := make(chan struct{})
	go func() {
		w.child.readers.Wait()
		close(read)
	}()
	patience := time.NewTimer(w.pool.config.outputLingers)
	defer patience.Stop()
	select {
	case <-read:
	case <-patience.C:
	}
	w.child.close()
	<-read
	close(w.silent)
	w.memory.close()
}

// closeRelay closes the relay of a process that has ended. A turn may still be
// reading: what the process wrote last lies in the relay, for as long as it
// takes a slow client, but for StopTimeout only when the pool is stopped. It is
// over where nothing lies there and no end comes, because a process that PHP left
// behind holds the other end.
func (w *worker) closeRelay() {
	defer w.conn.Close()
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
			w.drain()
			return
		case <-w.pool.killAll:
			return
		case <-tick.C:
		}
		if w.child.waiting() > 0 {
			empty = 0
		} else if empty++; empty >= 5 {
			w.over.Store(true)
			if w.conn.SetReadDeadline(time.Now()) != nil {
				return // it knows no deadlines
			}
		}
	}
}

// drain logs what a process that has ended printed between its frames.
func (w *worker) drain() {
	for {
		var f goridge.Frame
		if ok, err := w.conn.TryReadFrame(&f); err != nil || !ok {
			break
		}
		_, _ = io.Copy(io.Discard, &f)
		f.Release()
	}
	w.child.lastWords()
}

var errWantsOut = errors.New("the worker asked to be replaced")
