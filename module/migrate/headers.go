package migrate

import (
	"fmt"
	"strings"
	"time"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// headers are the lines for add_header and expires of a scope itself.
func (s *site) headers(in *scope) (nodes []*node) {
	var cache []string
	var cached []*nginxconf.Directive
	for _, d := range in.own("expires", "add_header") {
		s.used[d] = true
		if d.Name == "expires" {
			value, err := expires(d.Args)
			switch {
			case err != nil:
				nodes = append(nodes, s.noteLeft(d, "%v: write header Cache-Control yourself", err))
			case value == "":
				s.noteDone(d, "Caddy sets no time of expiry unless told")
			default:
				cache, cached = append(cache, value), append(cached, d)
			}
			continue
		}
		name, value := d.Arg(0), d.Arg(1)
		if strings.EqualFold(name, "Cache-Control") && !strings.Contains(value, "$") {
			cache, cached = append(cache, value), append(cached, d)
			continue
		}
		if strings.EqualFold(name, "Alt-Svc") {
			s.noteDone(d, "Caddy announces HTTP/3 by itself")
			continue
		}
		expanded, err := s.expand(value, "")
		switch {
		case err != nil:
			nodes = append(nodes, s.noteLeft(d, "%v", err))
		case !isHeaderName(name):
			nodes = append(nodes, s.noteLeft(d, "it is no name of a header"))
		case expanded == "":
			s.noteDone(d, "an empty header is not sent")
		default:
			nodes = append(nodes, s.quoted(d, "header "+name, expanded))
		}
	}
	if len(cache) > 0 {
		value, err := quote(strings.Join(cache, ", "))
		if err != nil {
			return append(nodes, s.noteLeft(cached[0], "%v", err))
		}
		for _, d := range cached {
			if d.Arg(2) == "always" {
				return append(nodes, line("header Cache-Control "+value, cached...))
			}
		}
		nodes = append(nodes, line("header", cached...).with(line("Cache-Control "+value, cached...), line("match status 2xx 3xx")))
	}
	for _, d := range in.own("more_set_headers", "more_clear_headers") {
		for _, arg := range d.Args {
			name, value, set := strings.Cut(arg, ":")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			expanded, err := s.expand(value, "")
			switch {
			case err != nil || !isHeaderName(name):
				nodes = append(nodes, s.noteLeft(d, "has no counterpart that is known here"))
			case set && d.Name == "more_set_headers" && value != "":
				s.used[d] = true
				nodes = append(nodes, s.quoted(d, "header "+name, expanded))
			default:
				s.used[d] = true
				nodes = append(nodes, line("header -"+name, d))
			}
		}
	}
	for _, d := range in.own("fastcgi_hide_header", "proxy_hide_header") {
		if isHeaderName(d.Arg(0)) {
			s.used[d] = true
			nodes = append(nodes, line("header -"+d.Arg(0), d))
		}
	}
	return nodes
}

func isHeaderName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// expires is the value of Cache-Control for it, "" for off.
func expires(args []string) (string, error) {
	if len(args) != 1 {
		return "", fmt.Errorf("expires with %q", args)
	}
	switch value := args[0]; value {
	case "off":
		return "", nil
	case "epoch":
		return "no-cache", nil
	case "max":
		return "max-age=315360000", nil
	default:
		if rest, ok := strings.CutPrefix(value, "-"); ok {
			_, err := duration(rest)
			return "no-cache", err
		}
		d, err := duration(strings.TrimPrefix(value, "+"))
		return fmt.Sprintf("max-age=%d", d/time.Second), err
	}
}
