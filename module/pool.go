package module

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// pool is a workerpool.Pool that configurations share; see the package comment for who
// owns it when. It is safe for concurrent use.
type pool struct {
	*workerpool.Pool
	registry *registry
	name     string
	key      string         // see PoolConfig.key
	codec    exchange.Codec // nil in classic mode
	classic  bool
	split    []string // see PoolConfig.Split
	preload  string   // the root whose classes are preloaded; "": none are
	// owner is the workers' user; nil: Caddy's.
	owner       *exchange.Owner
	totals      *totals
	memory      *exchange.Memory
	longStreams longStreams
	// exitDrain is how long a request may still take when Caddy ends.
	exitDrain time.Duration

	// replaced served under the name before this one. Only the registry touches it.
	replaced *pool
	ended    atomic.Bool

	mu      sync.Mutex
	loggers []*zap.Logger // of the configurations that have started, the newest last
}

// release gives up one hold of the pool. The last one ends it.
func (p *pool) release() { p.registry.release(p) }

// useLogger makes the pool log as a configuration says that has just started: the pool
// outlives the configurations, but the files that they log to are closed with them.
func (p *pool) useLogger(logger *zap.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loggers = append(p.loggers, logger)
	p.SetLogger(logger)
}

// dropLogger takes useLogger back when the configuration ends. If that was the newest,
// because Caddy has rejected it after all, the pool logs as the one before says.
func (p *pool) dropLogger(logger *zap.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loggers = slices.DeleteFunc(p.loggers, func(l *zap.Logger) bool { return l == logger })
	if n := len(p.loggers); n > 0 {
		p.SetLogger(p.loggers[n-1])
	}
}

// publish makes the pool the one that serves under its name.
func (p *pool) publish() { p.registry.publish(p) }

// unpublish gives the name back to the pool that had it before, if that still serves: when
// Caddy rejects a configuration after our part of it has started. The pool counts as ended
// from then on.
func (p *pool) unpublish() {
	p.ended.Store(true)
	p.registry.unpublish(p)
}

// Destruct is called when no configuration holds the pool any more. Requests of
// the replaced configuration may still run, or be about to begin, and the pool
// takes them: it ends when it has none, which a reload does not wait for. While
// Caddy itself ends, Destruct waits for the workers, but not for requests: Caddy
// has waited for these as long as its grace_period says.
func (p *pool) Destruct() error {
	p.unpublish()
	if caddy.Exiting() {
		return p.Stop(context.Background())
	}
	done := p.registry.drains(p)
	go func() {
		defer done()
		ctx, cancel := context.WithTimeout(context.Background(), p.Config().DrainTimeout)
		defer cancel()
		exit, leave := untilExit()
		defer leave()
		defer context.AfterFunc(exit, func() { p.endAfter(p.exitDrain) })()
		_ = p.Close(ctx)
	}()
	return nil
}

// endAfter ends the pool, which need not be over then, in so much time: Caddy, which ends, may be waiting
// for its requests for ever.
func (p *pool) endAfter(d time.Duration) {
	time.AfterFunc(d, func() {
		var busy []int
		for _, w := range p.Stats().Workers {
			if w.State == workerpool.StateBusy {
				busy = append(busy, w.PID)
			}
		}
		if len(busy) > 0 {
			p.Log().Warn("Caddy ends, and the time for what still runs is over: ending the workers", zap.Ints("pids", busy))
		}
		_ = p.Stop(context.Background())
	})
}

// exec sends the request to this pool, or to the one that serves under its name
// while this one has no worker yet, or no longer.
func (p *pool) exec(ctx context.Context, req *workerpool.Request) (*workerpool.Turn, error) {
	if !p.Ready() {
		if other := p.substitute(); other != nil {
			if turn, err := other.Exec(ctx, req); !errors.Is(err, workerpool.ErrClosed) {
				return turn, err
			}
		}
	}
	turn, err := p.Exec(ctx, req)
	if errors.Is(err, workerpool.ErrClosed) {
		if other := p.substitute(); other != nil {
			return other.Exec(ctx, req)
		}
	}
	return turn, err
}

// substitute is the other pool that serves under the name of this one now, with the same
// codec, for the request is encoded already, and without classes of another root: the older one while this one starts, a newer
// one once this one has been replaced. nil: there is none.
func (p *pool) substitute() *pool {
	if other := p.registry.serving(p.name); other != nil && other != p && other.codec == p.codec && (other.preload == "" || other.preload == p.preload) {
		return other
	}
	return nil
}
