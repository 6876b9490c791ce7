package migrate

import (
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// listen is one address that a server of nginx listens on.
type listen struct {
	d          *nginxconf.Directive
	host, port string
	tls        bool
	fallback   bool // default_server
}

// addresses are those of a site.
type addresses struct {
	names    []string // of server_name, without those that Caddy cannot have
	name     string   // the first
	listens  []listen
	https    bool // one of them has TLS
	texts    []string
	from     []*nginxconf.Directive
	comments []*node
}

// hostName is a name that Caddy can have: of a host, of all below it (*.), or both (a dot before it).
var hostName = regexp.MustCompile(`^(\*?\.)?[\pL\pN_-]+(\.[\pL\pN_-]+)*$`)

// addressesOf reads listen and server_name.
func (t *translator) addressesOf(s *scope) (a addresses) {
	for _, d := range s.own("listen") {
		t.used[d] = true
		l, ok := parseListen(d)
		if !ok {
			a.comments = append(a.comments, t.noteLeft(d, "write an address, or bind, yourself"))
			continue
		}
		if ssl := s.own("ssl"); len(ssl) > 0 && ssl[0].Arg(0) == "on" {
			l.tls = true
		}
		a.https = a.https || l.tls
		a.listens = append(a.listens, l)
		a.from = append(a.from, d)
	}
	if len(a.listens) == 0 && len(a.comments) == 0 {
		a.listens = []listen{{port: "80"}}
	}
	for _, d := range s.own("server_name") {
		t.used[d] = true
		for _, name := range d.Args {
			switch {
			case name == "_" || name == "":
			case !hostName.MatchString(name):
				a.comments = append(a.comments, t.noteLeft(d, "Caddy has no such pattern of names (%s): name each host", name))
			case strings.HasPrefix(name, "."):
				a.names = append(a.names, name[1:], "*"+name)
			default:
				a.names = append(a.names, name)
			}
		}
		a.from = append(a.from, d)
	}
	for _, name := range a.names {
		if !strings.HasPrefix(name, "*") {
			a.name = name
			break
		}
	}
	return a
}

// parseListen reads a listen.
func parseListen(d *nginxconf.Directive) (l listen, ok bool) {
	l.d = d
	address := d.Arg(0)
	if strings.HasPrefix(address, "unix:") || address == "" {
		return l, false
	}
	for _, word := range d.Args[1:] {
		l.tls = l.tls || word == "ssl" || word == "quic"
		l.fallback = l.fallback || word == "default_server" || word == "default"
	}
	switch {
	case strings.Trim(address, "0123456789") == "":
		l.port = address
	case strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]"):
		l.host = address
	default:
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			host, port = address, ""
		}
		l.host, l.port = host, port
	}
	if l.port == "" {
		l.port = "80"
	}
	l.host = strings.Trim(l.host, "[]")
	if l.host == "*" || l.host == "0.0.0.0" || l.host == "::" {
		l.host = ""
	}
	return l, len(l.port) <= 5 && strings.Trim(l.port, "0123456789") == "" && strings.Trim(l.host, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-") == ""
}

// write decides on the addresses of the site; taken are those of others. redirects says that plain HTTP only leads to
// HTTPS.
func (s *site) write(taken map[string]bool, redirects bool) {
	var bind []string
	add := func(text string) {
		switch {
		case slices.Contains(s.texts, text):
		case taken[text]:
			s.comments = append(s.comments, s.noteLeft(s.server, "another server has the address %s already: here it is left out", text))
		default:
			taken[text] = true
			s.texts = append(s.texts, text)
		}
	}
	for _, l := range s.listens {
		if l.host != "" && !slices.Contains(bind, l.host) {
			bind = append(bind, l.host)
		}
		if redirects && !l.tls && l.port == "80" {
			continue
		}
		scheme, usual := "http://", l.port == "80"
		if l.tls {
			scheme, usual = "https://", l.port == "443"
		}
		for _, name := range s.names {
			switch {
			case l.tls && usual && s.alsoPlain() && !redirects:
				add(scheme + name)
			case l.tls && usual:
				add(name)
			case usual:
				add(scheme + name)
			default:
				add(scheme + name + ":" + l.port)
			}
		}
		if len(s.names) == 0 || l.fallback && !l.tls {
			add(map[bool]string{true: "https://", false: "http://"}[l.tls] + ":" + l.port)
		} else if l.fallback && !taken["note "+l.port] {
			taken["note "+l.port] = true
			s.note(Note{l.d.Pos.String(), l.d.String(), "Caddy answers no other host on a port with TLS: it has no certificate for one"})
		}
	}
	if len(bind) > 0 && len(bind) == countHosts(s.listens) {
		n := line("bind " + strings.Join(bind, " "))
		for _, l := range s.listens {
			n.from = append(n.from, l.d.Pos.String())
		}
		s.comments = append(s.comments, n)
	}
	if !s.https && len(s.names) > 0 && slices.ContainsFunc(s.listens, func(l listen) bool { return l.port == "80" }) {
		s.note(Note{s.server.Pos.String(), "listen 80", "the site stays without TLS: without http:// before its names, Caddy would get certificates and redirect"})
	}
}

// countHosts is how many different hosts there are, or 0 if one listen is for all of them.
func countHosts(all []listen) int {
	seen := make(map[string]bool)
	for _, l := range all {
		if l.host == "" {
			return -1
		}
		seen[l.host] = true
	}
	return len(seen)
}

// alsoPlain says whether the server answers on port 80 without TLS, too.
func (s *site) alsoPlain() bool {
	return slices.ContainsFunc(s.listens, func(l listen) bool { return !l.tls && l.port == "80" })
}
