package caddyfile

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/phpworker/caddy-php-worker/module"
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
	pool := s.pool()
	if s.handler.Pool != "" {
		if pool, err = sharedPool(h, &b.start, s.handler.Pool); err != nil {
			return nil, err
		}
	} else if pool.Classic() && looksLikeScript(path) {
		return nil, b.start.Errf("%s: %q was read as a path matcher; for a worker script write %s * %s, for classic mode name the matcher",
			directive, path, directive, path)
	}
	if err := b.checkMode(pool.Classic()); err != nil {
		return nil, err
	}
	if err := b.about(cmp.Or(s.pool().Check(), s.handler.Check(pool))); err != nil {
		return nil, err
	}
	if !s.staticOff {
		files := new(module.Static)
		if err := files.FinalizeUnmarshalCaddyfile(h); err != nil { // which hides the Caddyfile
			return nil, h.WrapErr(err)
		}
		s.handler.Static = files
	}
	return route(&s.handler, matcher), nil
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

// looksLikeScript reports whether a path matcher is an absolute path of a worker script.
func looksLikeScript(path string) bool {
	return strings.HasSuffix(path, ".php") && !strings.ContainsAny(path, "*?")
}

// route is that of the handler, with matcher, where not nil, as its condition. Only of routes does Caddy sort
// those with a matcher before those without one.
func route(handler *module.Handler, matcher caddy.ModuleMap) []httpcaddyfile.ConfigValue {
	route := caddyhttp.Route{HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(handler, "handler", directive, nil)}}
	if matcher != nil {
		route.MatcherSetsRaw = []caddy.ModuleMap{matcher}
	}
	return []httpcaddyfile.ConfigValue{{Class: "route", Value: route}}
}
