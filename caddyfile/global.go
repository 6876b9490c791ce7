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
			if err := newBlock(d, "defaults", inDefaults, poolOptions, &s).read(d); err != nil {
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
	if err := b.checkRuns(); err != nil {
		return module.PoolConfig{}, err
	}
	s.pool().Name = args[0]
	return *s.pool(), nil
}

// checkPool reports an error, at the place of d, unless the global option has a
// pool of that name.
func checkPool(h httpcaddyfile.Helper, d *caddyfile.Dispenser, name string) error {
	var names []string
	if option, ok := h.Option(directive).(httpcaddyfile.App); ok {
		var app struct {
			Pools []struct{ Name string }
		}
		if err := json.Unmarshal(option.Value, &app); err != nil {
			return d.WrapErr(err)
		}
		for _, pool := range app.Pools {
			names = append(names, pool.Name)
		}
	}
	switch {
	case slices.Contains(names, name):
		return nil
	case len(names) == 0:
		return d.Errf("there is no pool %q: the global option %s describes none", name, directive)
	}
	return d.Errf("there is no pool %q; the global option %s describes: %s", name, directive, strings.Join(names, ", "))
}
