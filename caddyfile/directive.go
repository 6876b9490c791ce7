package caddyfile

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// parseDirective reads the directive, whose syntax and meaning are in the
// package comment, and gives its routes.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	path := pathMatcher(h)
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	h.Next() // the name again: taking the matcher out went back to the start

	var s settings
	b := newBlock(h.Dispenser, directive, inDirective, poolOptions, &s)
	if err := b.setScript(h.RemainingArgs()); err != nil {
		return nil, err
	}
	if err := b.read(h.Dispenser); err != nil {
		return nil, err
	}
	if err := checkEnd(h.Dispenser); err != nil {
		return nil, err
	}
	if err := b.checkRuns(); err != nil {
		if path != "" {
			return nil, b.start.Errf("%s runs nothing: %q was read as a path matcher; for a script write %s * %s",
				directive, path, directive, path)
		}
		return nil, err
	}
	if s.handler.Pool != "" {
		if err := checkPool(h, &b.start, s.handler.Pool); err != nil {
			return nil, err
		}
	}

	var routes caddyhttp.RouteList
	if !s.staticOff {
		static, err := staticRoute(h, s.root)
		if err != nil {
			return nil, err
		}
		routes = append(routes, static)
	}
	routes = append(routes, caddyhttp.Route{
		HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(&s.handler, "handler", directive, nil)},
	})
	return together(routes, matcher), nil
}

// pathMatcher returns the argument behind the directive's name if Caddy takes it
// for a path, which it also does with a script that is given by an absolute path.
func pathMatcher(h httpcaddyfile.Helper) string {
	if !h.NextArg() {
		return ""
	}
	arg := h.Val()
	h.Prev()
	if !strings.HasPrefix(arg, "/") {
		return ""
	}
	return arg
}

// together makes one value of the routes: no other directive can come between
// them, and matcher, where not nil, is a condition for all of them.
func together(routes caddyhttp.RouteList, matcher caddy.ModuleMap) []httpcaddyfile.ConfigValue {
	subroute := caddyhttp.Subroute{Routes: routes}
	if matcher == nil {
		// As a value of its own it needs no subroute in the JSON.
		return []httpcaddyfile.ConfigValue{{Class: "route", Value: subroute}}
	}
	return []httpcaddyfile.ConfigValue{{Class: "route", Value: caddyhttp.Route{
		MatcherSetsRaw: []caddy.ModuleMap{matcher},
		HandlersRaw:    []json.RawMessage{caddyconfig.JSONModuleObject(subroute, "handler", "subroute", nil)},
	}}}
}
