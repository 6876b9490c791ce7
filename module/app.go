package module

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

func init() {
	caddy.RegisterModule(App{})
}

// App owns the pools of PHP processes: those it names itself and those that
// stand inline in handlers. It starts them together, before Caddy's new
// configuration takes over, so a script that cannot start rejects the
// configuration and the old one goes on. A pool whose settings are the same in
// the new configuration keeps its processes.
type App struct {
	// Pools are the named pools, which several handlers may share.
	Pools []PoolConfig `json:"pools,omitempty"`

	// Defaults fill what a pool, named or inline, leaves out.
	Defaults *PoolConfig `json:"defaults,omitempty"`

	ctx     caddy.Context
	logger  *zap.Logger
	byName  map[string]*pool
	loggers map[string]*zap.Logger // by pool

	uploadDirs map[string]struct{} // of the handlers
	roots      map[*pool][]string  // of the handlers that resolve theirs at restarts, as far as they are known
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "php_worker",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision makes the named pools known. It starts no process.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.logger = ctx, ctx.Logger()
	a.byName = make(map[string]*pool)
	a.loggers = make(map[string]*zap.Logger)
	a.uploadDirs = make(map[string]struct{})
	a.roots = make(map[*pool][]string)
	if d := a.Defaults; d != nil && (d.Name != "" || d.Script != nil || d.Command != nil || d.Mode != "") {
		return errors.New("defaults cannot hold a name, script, command or mode: those belong to one pool")
	}
	for i, c := range a.Pools {
		if c.Name == "" {
			return fmt.Errorf("pool %d has no name", i)
		}
		if _, known := a.byName[c.Name]; known {
			return fmt.Errorf("two pools are named %q", c.Name)
		}
		if _, err := a.acquire(c, "", a.logger); err != nil {
			return err
		}
	}
	events, err := ctx.App("events")
	if err != nil {
		return err
	}
	if err := events.(*caddyevents.App).On("stopping", ending{a}); err != nil {
		return err
	}
	if err := ctx.GetMetricsRegistry().Register(collector{a}); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// named returns a pool of the app.
func (a *App) named(name string) (*pool, error) {
	p, known := a.byName[name]
	if !known {
		return nil, fmt.Errorf("there is no pool %q in the php_worker app", name)
	}
	return p, nil
}

// acquire finds or makes the pool for c, whose settings may stand in several handlers. The app holds
// it until Cleanup. A pool that preloads for a root is for nothing else.
func (a *App) acquire(c PoolConfig, preload string, logger *zap.Logger) (*pool, error) {
	if err := c.checkMode(); err != nil {
		return nil, err
	}
	c.merge(a.Defaults)
	if err := c.prepare(); err != nil {
		return nil, err
	}
	if _, set := c.Ini["opcache.preload"]; set && preload != "" {
		return nil, fmt.Errorf("pool %q: preload auto and ini opcache.preload exclude each other", c.Name)
	}
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	key += preload
	if p, known := a.byName[c.Name]; known {
		if p.key != key {
			return nil, fmt.Errorf("two pools with different settings are named %q: give one of them another name, "+
				"or define a shared pool in the global option php_worker, and let both say pool and its name", c.Name)
		}
		return p, nil
	}
	logger = logger.With(zap.String("pool", c.Name))
	p, err := shared.acquire(key, c, preload, logger)
	if err != nil {
		return nil, fmt.Errorf("pool %q: %w", c.Name, err)
	}
	a.byName[c.Name], a.loggers[c.Name] = p, logger
	shared.starts(p)
	return p, nil
}

// Start boots all pools side by side and returns when each has a ready worker, when one
// cannot have any, or when Caddy ends.
func (a *App) Start() error {
	if err := a.clearFolders(); err != nil {
		return err
	}
	ctx, leave := untilExit()
	defer leave()
	g, others := errgroup.WithContext(ctx)
	for _, p := range a.byName {
		g.Go(func() error { return p.Pool.Start(others) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for name, p := range a.byName {
		p.useLogger(a.loggers[name])
		for _, root := range a.roots[p] {
			_, _ = commonRoots(p.Common()).leadsTo(root) // one that is not there is a request's error
		}
		p.publish()
	}
	return nil
}

// Stop does nothing: requests of this configuration may still be running, see
// Cleanup.
func (a *App) Stop() error { return nil }

// Cleanup gives the pools up. Those that no configuration holds any more finish
// their requests and end.
func (a *App) Cleanup() error {
	for name, p := range a.byName {
		p.dropLogger(a.loggers[name])
		p.release()
	}
	return nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
