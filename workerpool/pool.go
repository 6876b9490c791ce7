package workerpool

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
)

// poolState is the life of a pool: one way, from top to bottom.
type poolState uint8

const (
	poolNew      poolState = iota
	poolRunning            // its supervisor runs
	poolDraining           // closes when nothing is in flight
	poolClosed
)

// Pool is a set of workers that answer requests. All methods are safe for
// concurrent use.
type Pool struct {
	config     Config
	launcherOf func(launch.Settings) (launch.Launcher, error)
	logger     atomic.Pointer[zap.Logger]
	events     Events
	php        atomic.Pointer[PHP] // as it was asked last; nil: not known

	waiters   sync.Pool // of *waiter
	startOnce sync.Once
	startErr  error
	first     chan struct{} // closed when the first worker is ready, or cannot be
	firstOnce sync.Once
	firstErr  error // read after first
	kick      chan struct{}
	drained   chan struct{}  // closed when a draining pool has nothing in flight
	stopped   chan struct{}  // closed by Stop
	killAll   chan struct{}  // closed when Close has lost its patience
	done      chan struct{}  // closed when the last worker has gone
	owners    sync.WaitGroup // of the workers, who prepares a restart, and who waits for one after a change
	stopWatch func()

	// mu guards everything below and the fields of workers that say so. It is
	// never held over I/O or while calling out.
	mu       sync.Mutex
	state    poolState
	workers  map[*worker]struct{}
	idle     []*worker // the one used last is last
	queue    queue
	inflight int  // turns taken
	watching bool // the supervisor looks at the queue by the clock

	min, max    int // of Config, until Scale changes them
	desired     int // between min and max
	failures    int // boots that failed in a row
	unused      int // and workers that ended before they were given a request
	nextSpawn   time.Time
	lastErr     error
	restarts    int           // that have begun
	generations []*generation // the last one is that of new workers
	rollout     *Rollout      // under way
	aborted     error         // see Aborted
	oneShot     oneShot
	pace        pace
	crowd       crowd
	nextCPULook time.Time // see watchCPU
	choice      adaptiveRelay
	counts      counts
}

// New makes a pool. It starts nothing. The configuration is completed with its
// defaults and checked.
func New(config Config, logger *zap.Logger, events Events) (*Pool, error) {
	if config.Classic != nil {
		return newPool(config, logger, events, launch.NewClassic)
	}
	return newPool(config, logger, events, launch.NewExec)
}

func newPool(config Config, logger *zap.Logger, events Events, launcherOf func(launch.Settings) (launch.Launcher, error)) (*Pool, error) {
	config.setDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	p := &Pool{
		config:     config,
		launcherOf: launcherOf,
		events:     events,
		first:      make(chan struct{}),
		kick:       make(chan struct{}, 1),
		drained:    make(chan struct{}),
		stopped:    make(chan struct{}),
		killAll:    make(chan struct{}),
		done:       make(chan struct{}),
		workers:    make(map[*worker]struct{}),
		min:        config.Min,
		max:        config.Max,
		desired:    config.Min,

		stopWatch: func() {},
	}
	p.waiters.New = func() any { return &waiter{outcome: make(chan outcome, 1)} }
	p.counts.restarts = make(map[Reason]int64)
	p.pace = newPace()
	p.SetLogger(logger)
	return p, nil
}

// Config returns the configuration, defaults included.
func (p *Pool) Config() Config { return p.config }

// SetLogger makes the pool log to another logger from now on: the pool outlives
// the configuration that made it.
func (p *Pool) SetLogger(l *zap.Logger) { p.logger.Store(l) }

// Log returns the logger that SetLogger has set last.
func (p *Pool) Log() *zap.Logger { return p.logger.Load() }

// Start boots the workers and returns when the first is ready; the others follow
// on their own. With Min 0 it returns at once. If the first worker cannot boot,
// Start returns a [*BootError] and the pool is closed. Further calls wait for,
// and return, the outcome of the first. When ctx ends, Start returns its cause
// and the boot goes on.
func (p *Pool) Start(ctx context.Context) error {
	p.startOnce.Do(func() {
		if p.startErr = p.run(); p.startErr != nil {
			p.firstOutcome(p.startErr)
			_ = p.Close(ctx)
			return
		}
		p.startWatch()
		go p.supervise()
	})
	if p.startErr != nil {
		return p.startErr
	}
	if p.config.Min == 0 {
		return nil
	}
	select {
	case <-p.first:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p.firstErr != nil {
		p.failWaiters(ErrClosed) // or they would wait for further attempts
		_ = p.Close(ctx)
	}
	return p.firstErr
}

// run makes what the workers need, unless the pool has been closed before.
func (p *Pool) run() error {
	launcher, err := p.launcherOf(p.settings())
	if err != nil {
		return err
	}
	common := p.begin(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolNew {
		launcher.Close()
		return ErrClosed
	}
	p.renewed(launcher, common)
	p.state = poolRunning
	return nil
}

// Ready reports whether the first worker has become ready. It does not block.
func (p *Pool) Ready() bool {
	select {
	case <-p.first:
		return p.firstErr == nil
	default:
		return false
	}
}

// settings are what workers are started with.
func (p *Pool) settings() launch.Settings {
	s := p.config.settings()
	if p.config.SuitIni != nil {
		s.SuitIni = func(php *PHP) map[string]string {
			p.php.Store(php)
			return p.config.SuitIni(php, p.Log())
		}
	}
	return s
}

func (p *Pool) firstOutcome(err error) {
	p.firstOnce.Do(func() {
		p.firstErr = err
		close(p.first)
	})
}

// Close lets what is in flight or waiting finish, also work after answers, then
// stops the workers and returns when all have gone. Until then requests are still taken, by
// as many workers as requests are in flight or waiting; the others go after a second. When ctx
// ends first, everything is killed. Idempotent; every call waits.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.state == poolNew { // nothing was ever started
		p.state = poolClosed
		close(p.drained)
		close(p.done)
		p.mu.Unlock()
		p.failWaiters(ErrClosed)
		p.firstOutcome(ErrClosed)
		return nil
	}
	if p.state == poolRunning {
		p.state = poolDraining
		p.checkDrained()
	}
	p.mu.Unlock()
	p.wake()

	select {
	case <-p.drained:
	case <-ctx.Done():
		p.closeNow()
		<-p.done
		return fmt.Errorf("closing pool %q: %w", p.config.Name, ctx.Err())
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.closeNow()
		<-p.done
		return fmt.Errorf("closing pool %q: %w", p.config.Name, ctx.Err())
	}
}

// Stop closes the pool without waiting for requests: queued ones fail with ErrClosed; busy workers
// get SIGTERM at once and SIGKILL soon after, and their requests fail with ErrCut; those
// that boot are killed, the others are asked to end. What a worker said last can be read for
// StopTimeout after its end, for a client may take it slowly, or not at all. Stop is for the end of the
// program, when requests have had their time.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	closeOnce(p.stopped)
	if p.state == poolRunning || p.state == poolDraining {
		p.state = poolClosed
		closeOnce(p.drained)
	}
	closed := p.state == poolClosed
	p.mu.Unlock()
	if closed {
		p.failWaiters(ErrClosed)
	}
	return p.Close(ctx)
}

// closeNow fails all queued requests and kills all workers.
func (p *Pool) closeNow() {
	p.mu.Lock()
	if p.state != poolClosed {
		p.state = poolClosed
		closeOnce(p.drained)
	}
	closeOnce(p.killAll)
	for w := range p.workers {
		p.cut(w, ReasonConfig)
	}
	p.mu.Unlock()
	p.failWaiters(ErrClosed)
	p.wake()
}

// checkDrained closes a draining pool in which nothing is in flight any more.
// Workers that may still be at work after an answer are awaited first. It needs
// the lock.
func (p *Pool) checkDrained() {
	if p.state != poolDraining || p.inflight > 0 || p.queue.length() > 0 {
		return
	}
	for _, w := range slices.Clone(p.idle) {
		if !w.link.Ready() {
			p.finish(w)
		}
	}
	if p.inflight == 0 {
		p.state = poolClosed
		closeOnce(p.drained)
		p.wake()
	}
}

// closeOnce needs the lock that all closers hold.
func closeOnce(ch chan struct{}) {
	select {
	case <-ch:
	default:
		close(ch)
	}
}

func (p *Pool) failWaiters(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for wt := p.queue.pop(); wt != nil; wt = p.queue.pop() {
		wt.outcome <- outcome{err: err}
	}
}

// wake makes the supervisor look again; it never blocks.
func (p *Pool) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// cleanUp runs when the last worker of a closed pool has gone.
func (p *Pool) cleanUp() {
	for _, g := range p.generations {
		g.launcher.Close()
	}
	close(p.done)
}
