package migrate

import (
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// sites are the sites of all servers. Servers that only redirect to HTTPS are none.
func (t *translator) sites() (nodes []*node) {
	var all []*site
	secure := make(map[string]bool) // names with TLS on the usual port
	for _, d := range t.servers {
		s := t.newSite(d)
		all = append(all, s)
		for _, l := range s.listens {
			for _, name := range s.names {
				secure[name] = secure[name] || l.tls && l.port == "443"
			}
		}
	}
	for _, s := range all {
		to := first(s.own("return"))
		if !s.https || to == nil {
			continue
		}
		if rest, ok := strings.CutPrefix(to.Arg(1), "https://"); ok {
			for _, name := range s.names {
				t.elsewhere[name] = strings.TrimSuffix(rest, "$request_uri")
			}
		}
	}
	t.realIP(all)
	taken := make(map[string]bool)
	var kept []*site
	for _, s := range all {
		if s.onlyToHTTPS(secure) {
			t.note(Note{s.server.Pos.String(), "server " + strings.Join(s.names, " "), "Caddy redirects to HTTPS by itself"})
			t.markAll(s.server.Block)
			continue
		}
		kept = append(kept, s)
	}
	for _, s := range kept {
		s.write(taken, s.dropRedirect(secure))
		if len(s.texts) == 0 {
			nodes = append(nodes, s.comments...)
			nodes = append(nodes, t.noteLeft(s.server, "it has no address that Caddy can have: it is left out"))
			continue
		}
		nodes = append(nodes, s.nodes())
	}
	return nodes
}

func (t *translator) markAll(block []*nginxconf.Directive) {
	for _, d := range block {
		t.used[d] = true
		t.markAll(d.Block)
	}
}

// toHTTPS says whether a directive does nothing but redirect to the same host with HTTPS.
func (s *site) toHTTPS(d *nginxconf.Directive) bool {
	var to string
	switch {
	case d.Name == "return" && slices.Contains([]string{"301", "302", "307", "308"}, d.Arg(0)):
		to = d.Arg(1)
	case d.Name == "return" && len(d.Args) == 1:
		to = d.Arg(0)
	case d.Name == "rewrite" && slices.Contains(always, d.Arg(0)):
		to = strings.TrimSuffix(strings.Replace(d.Arg(1), "$1", "$request_uri", 1), "?")
	default:
		return false
	}
	rest, ok := strings.CutPrefix(to, "https://")
	host, found := strings.CutSuffix(strings.Replace(rest, "$uri$is_args$args", "$request_uri", 1), "$request_uri")
	host = strings.TrimSuffix(host, "/")
	if !ok || !found {
		return false
	}
	if host == "$server_name" {
		host = s.name
	}
	if host == "$host" || host == "$http_host" {
		return true
	}
	for _, name := range s.names { // the others are sent there by their own servers
		if name != host && s.elsewhere[name] != host {
			return false
		}
	}
	return slices.Contains(s.names, host)
}

// onlyToHTTPS says whether the server does nothing else, for names that have a server with TLS.
func (s *site) onlyToHTTPS(secure map[string]bool) bool {
	if s.https || len(s.names) == 0 || slices.ContainsFunc(s.names, func(n string) bool { return !secure[n] }) {
		return false
	}
	if slices.ContainsFunc(s.listens, func(l listen) bool { return l.port != "80" }) {
		return false
	}
	found := false
	for _, d := range s.block {
		switch d.Name {
		case "listen", "server_name", "access_log", "error_log", "root", "index", "server_tokens":
		case "return":
			found = found || s.toHTTPS(d)
			if !s.toHTTPS(d) && d.Arg(0) != "404" {
				return false
			}
		case "rewrite":
			if !s.toHTTPS(d) {
				return false
			}
			found = true
		case "if": // of certbot: if ($host = name)
			if !(len(d.Block) == 1 && s.toHTTPS(d.Block[0]) && strings.HasPrefix(d.Arg(0), "($host") && s.oneOfNames(strings.TrimSuffix(d.Arg(2), ")"))) {
				return false
			}
			found = true
		case "location":
			if strings.HasPrefix(d.Arg(len(d.Args)-1), "/.well-known/acme-challenge") {
				continue
			}
			if d.Arg(0) == "/" && len(d.Block) == 1 && s.toHTTPS(d.Block[0]) {
				found = true
				continue
			}
			return false
		default:
			return false
		}
	}
	return found
}

func (s *site) oneOfNames(name string) bool { return slices.Contains(s.names, name) }

// dropRedirect says whether the server has both, and sends plain HTTP to HTTPS; it notes what does so.
func (s *site) dropRedirect(secure map[string]bool) bool {
	if !s.https || !s.alsoPlain() {
		return false
	}
	for _, d := range s.own("if") {
		condition := strings.NewReplacer(`"`, "", " ", "").Replace(strings.Join(d.Args, " "))
		if slices.Contains([]string{"($scheme=http)", "($scheme!=https)", "($https=)", "($https!=on)", "($server_port=80)"}, condition) && len(d.Block) == 1 && s.toHTTPS(d.Block[0]) {
			s.noteDone(d, "Caddy redirects to HTTPS by itself")
			return true
		}
	}
	return false
}

// tls are the lines for the certificate.
func (s *site) tls() (nodes []*node) {
	cert, key := s.inherited("ssl_certificate"), s.inherited("ssl_certificate_key")
	protocols := s.scope.last("ssl_protocols")
	if !s.https {
		for _, d := range slices.Concat(cert, key) {
			if !s.used[d] && slices.Contains(s.block, d) {
				s.noteDone(d, "the site has no TLS")
			}
		}
		return nil
	}
	var block []*node
	if protocols != nil {
		s.used[protocols] = true
		switch {
		case len(protocols.Args) == 1 && protocols.Arg(0) == "TLSv1.3":
			block = []*node{line("protocols tls1.3", protocols)}
		default:
			s.note(Note{protocols.Pos.String(), protocols.String(), "Caddy speaks TLS 1.2 and 1.3"})
		}
	}
	text := "tls"
	var from []*nginxconf.Directive
	switch {
	case len(cert) == 0 || len(key) == 0:
	case strings.HasPrefix(cert[0].Arg(0), "/etc/letsencrypt/"):
		s.noteDone(cert[0], "Caddy gets and renews a certificate by itself: certbot can go")
		s.noteDone(key[0], "Caddy gets and renews a certificate by itself: certbot can go")
	default:
		c, err := quote(cert[0].Arg(0))
		k, err2 := quote(key[0].Arg(0))
		if err != nil || err2 != nil {
			nodes = append(nodes, s.noteLeft(cert[0], "%v", errUnquotable))
			break
		}
		s.used[cert[0]], s.used[key[0]] = true, true
		text, from = text+" "+c+" "+k, []*nginxconf.Directive{cert[0], key[0]}
	}
	for _, d := range slices.Concat(cert, key) {
		if !s.used[d] {
			nodes = append(nodes, s.noteLeft(d, "one certificate is carried over"))
		}
	}
	if text == "tls" && len(block) == 0 {
		return nodes
	}
	n := line(text, from...)
	if len(block) > 0 {
		n = n.with(block...)
	}
	return append(nodes, n)
}

// realIP makes trusted proxies of set_real_ip_from, which is for all of Caddy.
func (t *translator) realIP(all []*site) {
	var from []*nginxconf.Directive
	var ranges []string
	var headers, strict *nginxconf.Directive
	take := func(s *scope) {
		for _, d := range s.own("set_real_ip_from") {
			t.used[d] = true
			if isAddress(d.Arg(0)) {
				from = append(from, d)
				if !slices.Contains(ranges, d.Arg(0)) {
					ranges = append(ranges, d.Arg(0))
				}
			} else {
				t.global = append(t.global, t.noteLeft(d, "it names no address of the internet"))
			}
		}
		for _, d := range s.own("real_ip_header") {
			t.used[d], headers = true, d
		}
		for _, d := range s.own("real_ip_recursive") {
			t.used[d] = true
			if d.Arg(0) == "on" {
				strict = d
			}
		}
	}
	take(t.http)
	for _, s := range all {
		take(s.scope)
	}
	if len(ranges) == 0 {
		for _, d := range []*nginxconf.Directive{headers, strict} {
			if d != nil {
				t.noteDone(d, "no proxy is trusted")
			}
		}
		return
	}
	block := []*node{line("trusted_proxies static "+strings.Join(ranges, " "), from...)}
	switch {
	case headers == nil:
		block = append(block, line("client_ip_headers X-Real-IP").commented("nginx's default"))
	case headers.Arg(0) == "proxy_protocol":
		block = append(block, t.noteLeft(headers, "listener_wrappers { proxy_protocol } does this: write it yourself"))
	case isHeaderName(headers.Arg(0)):
		block = append(block, line("client_ip_headers "+headers.Arg(0), headers))
	}
	if strict != nil {
		block = append(block, line("trusted_proxies_strict", strict))
	}
	t.global = append(t.global, line("servers").with(block...))
}
