package migrate

import (
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// proxy are the lines for proxy_pass.
func (s *site) proxy(l *location, d *nginxconf.Directive) (nodes []*node) {
	s.used[d] = true
	scheme, rest, ok := strings.Cut(d.Arg(0), "://")
	host, uri, hasURI := strings.Cut(rest, "/")
	if !ok || strings.Contains(host, "$") || host == "" || strings.ContainsAny(host, " {}\"`#") || strings.HasPrefix(host, "unix:") {
		return append(nodes, s.noteLeft(d, "write reverse_proxy yourself: until then this place is closed"), line("error 503", d))
	}
	to := []string{host}
	if up := s.upstreams[host]; up != nil {
		s.used[up] = true
		to = nil
		for _, inner := range up.Block {
			if inner.Name == "server" && inner.Arg(0) != "" {
				to = append(to, strings.Replace(inner.Arg(0), "unix:", "unix/", 1))
				if len(inner.Args) > 1 {
					nodes = append(nodes, s.noteLeft(inner, "reverse_proxy has lb_policy and health checks for it"))
				}
			}
		}
	}
	for i, address := range to {
		if scheme == "https" {
			to[i] = "https://" + address
		}
	}
	if hasURI {
		at := strings.TrimSuffix(l.path, "/")
		if l.kind == regexps || strings.Contains(uri, "$") {
			return append(nodes, s.noteLeft(d, "an address with a path: write reverse_proxy yourself; until then this place is closed"), line("error 503", d))
		}
		if at != "" {
			nodes = append(nodes, s.quoted(d, "uri strip_prefix", at))
		}
		if uri = strings.TrimSuffix(uri, "/"); uri != "" {
			nodes = append(nodes, s.quoted(d, "rewrite *", "/"+uri+"{uri}"))
		}
	}
	n := s.quoted(d, "reverse_proxy", to...)
	for _, header := range l.inherited("proxy_set_header") {
		s.used[header] = true
		name, value := header.Arg(0), header.Arg(1)
		switch strings.ToLower(name) {
		case "host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "upgrade", "connection", "x-forwarded-scheme", "x-forwarded-ssl":
			s.noteDone(header, "reverse_proxy passes the host on, sets X-Forwarded-For, -Proto and -Host, and lets WebSockets pass")
			continue
		}
		expanded, err := s.expand(value, "")
		if err != nil || !isHeaderName(name) {
			nodes = append(nodes, s.noteLeft(header, "has no counterpart that is known here"))
			continue
		}
		n.block = append(n.block, s.quoted(header, "header_up "+name, expanded))
	}
	for _, timeout := range append(l.own("proxy_read_timeout"), l.own("proxy_send_timeout")...) {
		s.noteDone(timeout, "reverse_proxy waits for as long as it takes; transport http { read_timeout } limits it")
	}
	return append(nodes, n)
}
