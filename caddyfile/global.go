package caddyfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/phpworker/caddy-php-worker/module"
)

// parseGlobal reads the global option, whose syntax is in the package comment,
// into the JSON of module.App. existing is what an earlier one in the same
// Caddyfile gave.
func parseGlobal(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // the option's name
	if existing != nil {
		return nil, d.Errf("the global option %s already specified", directive)
	}
	if args := d.RemainingArgs(); len(args) > 0 {
		return nil, d.Errf("the global option %s takes a block, not %q", directive, args[0])
	}

	var app module.App
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "pool":
			pool, err := parsePool(d, app.Pools)
			if err != nil {
				return nil, err
			}
			app.Pools = append(app.Pools, pool)

		case "defaults":
			if app.Defaults != nil {
				return nil, d.Errf("defaults already specified")
			}
			if args := d.RemainingArgs(); len(args) > 0 {
				return nil, d.Errf("defaults takes a block, not %q", args[0])
			}
			var s settings
			b := newBlock(d, "defaults", inDefaults, poolOptions, &s)
			if err := b.read(d); err != nil {
				return nil, err
			}
			if err := b.about(s.pool().Check()); err != nil {
				return nil, err
			}
			app.Defaults = s.pool()

		default:
			return nil, d.Errf("unknown option %q in the global option %s; allowed: defaults, pool", d.Val(), directive)
		}
	}
	if err := checkEnd(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: directive, Value: caddyconfig.JSON(&app, nil)}, nil
}

// parsePool reads "pool <name> [<script> [<args...>]] { ... }"; others are the
// pools before it.
func parsePool(d *caddyfile.Dispenser, others []module.PoolConfig) (module.PoolConfig, error) {
	var s settings
	b := newBlock(d, "pool", inPool, poolOptions, &s)
	args := d.RemainingArgs()
	if len(args) == 0 || args[0] == "" {
		return module.PoolConfig{}, d.Errf("pool: its name is missing (usage: pool <name> [<script> [<args...>]] { ... })")
	}
	b.name = fmt.Sprintf("pool %q", args[0])
	if slices.ContainsFunc(others, func(p module.PoolConfig) bool { return p.Name == args[0] }) {
		return module.PoolConfig{}, d.Errf("%s already specified", b.name)
	}
	if err := b.setScript(args[1:]); err != nil {
		return module.PoolConfig{}, err
	}
	if err := b.read(d); err != nil {
		return module.PoolConfig{}, err
	}
	if err := b.checkMode(s.pool().Classic()); err != nil {
		return module.PoolConfig{}, err
	}
	s.pool().Name = args[0]
	return *s.pool(), b.about(s.pool().Check())
}

// sharedPool is the pool of that name in the global option. Where there is none it is an error at the place of d.
func sharedPool(h httpcaddyfile.Helper, d *caddyfile.Dispenser, name string) (*module.PoolConfig, error) {
	var app struct{ Pools []module.PoolConfig }
	if option, ok := h.Option(directive).(httpcaddyfile.App); ok {
		if err := json.Unmarshal(option.Value, &app); err != nil {
			return nil, d.WrapErr(err)
		}
	}
	var names []string
	for i := range app.Pools {
		if app.Pools[i].Name == name {
			return &app.Pools[i], nil
		}
		names = append(names, app.Pools[i].Name)
	}
	if len(names) == 0 {
		return nil, d.Errf("there is no pool %q: the global option %s describes none", name, directive)
	}
	return nil, d.Errf("there is no pool %q; the global option %s describes: %s", name, directive, strings.Join(names, ", "))
}
