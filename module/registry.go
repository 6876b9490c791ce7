package module

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
	"github.com/phpworker/caddy-php-worker/workerpool/budget"
)

// registry knows the pools of this process, which outlive configurations. All methods are
// safe for concurrent use.
type registry struct {
	// pools are those that any configuration holds, by their key: during a reload the old one
	// and the new one.
	pools *caddy.UsagePool

	mu sync.Mutex
	// byName are the pools that serve, each under its name.
	byName map[string]*pool
	// starting are the pools of a configuration that has been loaded, but not started yet.
	starting map[*pool]struct{}
	// draining are the pools that nobody holds any more, on their way out.
	draining map[*pool]struct{}
}

func newRegistry() *registry {
	return &registry{
		pools: caddy.NewUsagePool(), byName: make(map[string]*pool),
		starting: make(map[*pool]struct{}), draining: make(map[*pool]struct{}),
	}
}

// shared is the registry of all configurations.
var shared = newRegistry()

func init() {
	caddy.OnExit(func(context.Context) { shared.stopDraining() })
}

// acquire finds or makes the pool of that key. Each call needs one release. A pool that
// another configuration has made logs as that one says, until useLogger.
func (g *registry) acquire(key string, c PoolConfig, preload string, logger *zap.Logger) (*pool, error) {
	value, _, err := g.pools.LoadOrNew(key, func() (caddy.Destructor, error) { return g.newPool(key, c, preload, logger) })
	if err != nil {
		return nil, err
	}
	return value.(*pool), nil
}

func (g *registry) newPool(key string, c PoolConfig, preload string, logger *zap.Logger) (*pool, error) {
	settings, err := c.workerpoolConfig()
	if err != nil {
		return nil, err
	}
	totals := g.totalsOf(c.Name)
	limit := c.Memory
	if limit == 0 {
		limit = defaultMemory()
	}
	settings.Budget = budget.New(limit, &totals.held)
	settings.Begin = beginRoots
	if preload != "" {
		settings.Classic.Preload = sameRoot
	}
	engine, err := workerpool.New(settings, logger, totals.events())
	if err != nil {
		return nil, err
	}
	p := &pool{
		Pool: engine, registry: g, name: c.Name, key: key, codec: exchange.CodecNamed(c.Codec), totals: totals,
		classic: c.Classic(), split: c.Split, preload: preload,
		memory: exchange.NewMemory(settings.Budget), exitDrain: c.exitDrain(),
	}
	if u := settings.User; u != nil {
		p.owner = &exchange.Owner{UID: int(u.UID), GID: int(u.GID)}
	}
	return p, nil
}

// release takes acquire back. The last one calls Destruct.
func (g *registry) release(p *pool) {
	g.mu.Lock()
	delete(g.starting, p)
	g.mu.Unlock()
	_, _ = g.pools.Delete(p.key)
}

// starts notes that a configuration is about to start the pool. publish or release ends that.
func (g *registry) starts(p *pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.starting[p] = struct{}{}
}

// startingNames are the names of the pools that are about to be started.
func (g *registry) startingNames() (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.starting {
		names = append(names, p.name)
	}
	return names
}

// publish makes p the pool that serves under its name.
func (g *registry) publish(p *pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.starting, p)
	if before := g.byName[p.name]; before != nil && before != p {
		p.replaced = before
	}
	g.byName[p.name] = p
}

// unpublish gives the name of p back to the pool that p has replaced, unless that has ended, too.
// It does nothing to a name that another pool has by now.
func (g *registry) unpublish(p *pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := p.replaced
	p.replaced = nil // or each pool would keep all that ever were
	switch {
	case g.byName[p.name] != p:
	case before != nil && !before.ended.Load():
		g.byName[p.name] = before
	default:
		delete(g.byName, p.name)
	}
}

// serving is the pool that serves under the name, nil if there is none.
func (g *registry) serving(name string) *pool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byName[name]
}

// published are the pools that serve now, by name.
func (g *registry) published() (all []*pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.byName {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pool) int { return strings.Compare(a.name, b.name) })
	return all
}

// ofName are the pool that serves under the name, if one does, and those that are about to.
func (g *registry) ofName(name string) (all []*pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	serving := g.byName[name]
	if serving != nil {
		all = append(all, serving)
	}
	for p := range g.starting {
		if p.name == name && p != serving {
			all = append(all, p)
		}
	}
	return all
}

// find is the pool that serves under the name, or else one that is about to; nil if there is none.
func (g *registry) find(name string) *pool {
	if all := g.ofName(name); len(all) > 0 {
		return all[0]
	}
	return nil
}

// known are the pools that serve, and those that are about to under names of their own, by name.
func (g *registry) known() (all []*pool) {
	names := g.startingNames()
	for _, p := range g.published() {
		names = append(names, p.name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if p := g.find(name); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// names are those of the pools that are known.
func (g *registry) names() (names []string) {
	for _, p := range g.known() {
		names = append(names, p.name)
	}
	return names
}

// drains notes that the pool is on its way out until done is called.
func (g *registry) drains(p *pool) (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining[p] = struct{}{}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.draining, p)
	}
}

// stopDraining ends the pools that are on their way out, and waits for their workers: a pool
// left by an earlier reload may still have requests. By the time that Caddy itself ends,
// these have had the grace_period, too.
func (g *registry) stopDraining() {
	g.mu.Lock()
	var stops sync.WaitGroup
	for p := range g.draining {
		stops.Go(func() { _ = p.Stop(context.Background()) })
	}
	g.mu.Unlock()
	stops.Wait()
}

// totalsOf are the counts of the pools that serve under the name, are about to, or are on their way out: no
// counter goes back when a reload replaces a pool. Where there is none they are new.
func (g *registry) totalsOf(name string) *totals {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.byName[name]; p != nil {
		return p.totals
	}
	for _, pools := range []map[*pool]struct{}{g.starting, g.draining} {
		for p := range pools {
			if p.name == name {
				return p.totals
			}
		}
	}
	return newTotals(name)
}
