package module

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

const (
	codecJSON  = "json"
	codecProto = "proto"
)

// pools outlives configurations: a pool is in here as long as any configuration
// holds it, the old one and the new one during a reload.
var pools = caddy.NewUsagePool()

// active knows the pool that serves under each name. A configuration that is
// just starting, and one that has been replaced, lend its pool for requests that
// their own cannot take.
var active sync.Map // string -> *pool

// starting are the pools of a configuration that has been loaded, but not started
// yet.
var starting sync.Map // *pool -> nil

// draining are the pools that nobody holds any more, on their way out.
var draining sync.Map // *pool -> nil

func init() {
	// A pool left by an earlier reload may still have requests. By the time that
	// Caddy itself ends, these have had the grace_period, too.
	caddy.OnExit(func(context.Context) {
		var stops sync.WaitGroup
		for p := range draining.Range {
			stops.Go(func() { _ = p.(*pool).Stop(context.Background()) })
		}
		stops.Wait()
	})
}

// pool is a workerpool.Pool that configurations share.
type pool struct {
	*workerpool.Pool
	name  string
	key   string
	codec goridge.Flags
	// owner is the workers' user; nil: Caddy's.
	owner  *workerpool.User
	ledger *ledger

	previous *pool // served under the name before this one
	ended    atomic.Bool

	mu      sync.Mutex
	loggers []*zap.Logger // of the configurations that have started, the newest last
}

// acquirePool finds or makes a pool. Each call needs one release. A pool that
// another configuration has made logs as that one says, until adopt.
func acquirePool(key string, c PoolConfig, logger *zap.Logger) (*pool, error) {
	value, _, err := pools.LoadOrNew(key, func() (caddy.Destructor, error) {
		settings, err := c.engine()
		if err != nil {
			return nil, err
		}
		ledger := openLedger(c.Name)
		engine, err := workerpool.New(settings, logger, ledger.events())
		if err != nil {
			return nil, err
		}
		return &pool{Pool: engine, name: c.Name, key: key, codec: c.flags(), owner: settings.User, ledger: ledger}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*pool), nil
}

func (p *pool) release() {
	starting.Delete(p)
	_, _ = pools.Delete(p.key)
}

// start boots the pool, unless an earlier configuration has done so.
func (p *pool) start() error { return p.Pool.Start(context.Background()) }

// adopt makes the pool log as a configuration says that has just started: the pool
// outlives the configurations, but the files that they log to are closed with them.
func (p *pool) adopt(logger *zap.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loggers = append(p.loggers, logger)
	p.SetLogger(logger)
}

// abandon takes adopt back when the configuration ends. If that was the newest,
// because Caddy has rejected it after all, the one before has its say again.
func (p *pool) abandon(logger *zap.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loggers = slices.DeleteFunc(p.loggers, func(l *zap.Logger) bool { return l == logger })
	if n := len(p.loggers); n > 0 {
		p.SetLogger(p.loggers[n-1])
	}
}

// activate makes the pool the one that serves under its name.
func (p *pool) activate() {
	starting.Delete(p)
	if before, _ := active.Swap(p.name, p); before != nil && before != p {
		p.previous = before.(*pool)
	}
}

// deactivate gives the name back to the pool that had it before, if that still
// serves: when Caddy rejects a configuration after our part of it has started.
func (p *pool) deactivate() {
	p.ended.Store(true)
	if before := p.previous; before != nil && !before.ended.Load() {
		active.CompareAndSwap(p.name, p, before)
	} else {
		active.CompareAndDelete(p.name, p)
	}
	p.previous = nil // or each pool would keep all that ever were
}

// Destruct is called when no configuration holds the pool any more. Requests of
// the replaced configuration may still run, or be about to begin, and the pool
// takes them: it ends when it has none, which a reload does not wait for. While
// Caddy itself ends, Destruct waits for the workers, but not for requests: Caddy
// has waited for these as long as its grace_period says.
func (p *pool) Destruct() error {
	p.deactivate()
	if caddy.Exiting() {
		return p.Stop(context.Background())
	}
	draining.Store(p, nil)
	go func() {
		defer draining.Delete(p)
		ctx, cancel := context.WithTimeout(context.Background(), workerpool.DefaultDrainTimeout)
		defer cancel()
		_ = p.Close(ctx)
	}()
	return nil
}

// ids are the owner that uploaded files must have so that the workers, and nobody
// else, can read them; -1 where that is Caddy's own.
func (p *pool) ids() (uid, gid int) {
	if p.owner == nil {
		return -1, -1
	}
	return int(p.owner.UID), int(p.owner.GID)
}

// beginRestart starts a rolling restart and returns where its outcome comes. It
// goes on when nobody waits. A refusal is there at once.
func (p *pool) beginRestart(reason workerpool.Reason) <-chan error {
	outcome := make(chan error, 1)
	wait, err := p.Restart(reason)
	if err != nil {
		outcome <- err
		return outcome
	}
	go func() {
		err := wait(context.Background())
		if err != nil {
			p.Log().Error("rolling restart aborted", zap.Error(err))
		}
		outcome <- err
	}()
	return outcome
}

// activePools are the pools that serve now, by name.
func activePools() []*pool {
	var all []*pool
	active.Range(func(_, value any) bool {
		all = append(all, value.(*pool))
		return true
	})
	slices.SortFunc(all, func(a, b *pool) int { return strings.Compare(a.name, b.name) })
	return all
}

func poolNames() []string {
	var names []string
	for _, p := range activePools() {
		names = append(names, p.name)
	}
	return names
}

// exec sends the request to this pool, or to the one that serves under its name
// while this one has no worker yet, or no longer.
func (p *pool) exec(ctx context.Context, req *workerpool.Request) (*workerpool.Turn, error) {
	if !p.Ready() {
		if other := p.serving(); other != nil {
			if turn, err := other.Exec(ctx, req); !errors.Is(err, workerpool.ErrClosed) {
				return turn, err
			}
		}
	}
	turn, err := p.Exec(ctx, req)
	if errors.Is(err, workerpool.ErrClosed) {
		if other := p.serving(); other != nil {
			return other.Exec(ctx, req)
		}
	}
	return turn, err
}

// serving is the other pool of this name that serves now, with the same codec,
// for the request is encoded already.
func (p *pool) serving() *pool {
	value, ok := active.Load(p.name)
	if !ok || value == p {
		return nil
	}
	if other := value.(*pool); other.codec == p.codec {
		return other
	}
	return nil
}
