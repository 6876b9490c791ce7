package migrate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// site is one server of nginx, on its way to a site of Caddy.
type site struct {
	*translator
	*scope
	server *nginxconf.Directive
	addresses
	locations    []*location
	rootLocation *location // "location /"
	// main is the location that runs PHP, php all that do where main does; both are empty in a site without.
	main *location
	php  []*location
	// dropped are locations that need no line.
	dropped    []*location
	lastTries  tries
	root       string
	vars       map[string]string // of set
	groups     map[string]bool   // named groups of regular expressions, as expression.group
	logs       bool              // requests are logged
	deny       []string          // folders without scripts
	denyFrom   []*nginxconf.Directive
	saidBody   bool
	saidExcept bool
	depth      int // how many locations stand around the one at hand
	usedMaps   []string
	inLast     bool // what is being written is for what no other location has taken
}

// newSite looks at a server.
func (t *translator) newSite(d *nginxconf.Directive) *site {
	s := &site{translator: t, server: d, scope: &scope{up: t.http, block: d.Block}, vars: make(map[string]string), groups: make(map[string]bool)}
	s.addresses = t.addressesOf(s.scope)
	for _, set := range s.own("set") { // they may be in use above
		if value, err := s.expand(set.Arg(1), ""); err == nil && len(set.Args) == 2 {
			s.vars[strings.TrimPrefix(set.Arg(0), "$")] = value
		}
	}
	return s
}

// nodes are the lines of the site.
func (s *site) nodes() *node {
	n := line(strings.Join(s.texts, ", "), append([]*nginxconf.Directive{s.server}, s.from...)...).with()
	n.block = append(n.block, s.comments...)
	n.block = append(n.block, s.tls()...)
	at := len(n.block)
	s.locations = s.locationsOf(s.scope)
	for _, l := range s.locations {
		if l.kind == prefix && l.path == "/" {
			s.rootLocation = l
		}
	}
	n.block = append(n.block, s.findRoot()...)
	s.findPHP()
	n.block = append(n.block, s.wholeSite()...)

	refuse, closed := s.access(s.scope, true)
	rewrites, ends := s.allRewrites(s.scope)
	lines := slices.Concat(refuse, rewrites)
	closed = closed && len(s.inherited("auth_basic")) == 0
	for _, l := range s.locations {
		switch {
		case ends:
			s.noteDone(l.d, "the return of the server answers everything")
		case closed:
			n.block = append(n.block, s.noteLeft(l.d, "the server refuses everything, and here that counts for its locations, too"))
		}
	}
	if !ends && !closed {
		in := s.scope
		if s.rootLocation != nil {
			in = s.rootLocation.scope
		}
		s.inLast = true
		s.lastTries = s.tryFiles(in.last("try_files"))
		s.inLast = false
		if d := s.lastTries.d; d != nil && s.main == nil {
			s.note(Note{d.Pos.String(), d.String(), "what the last lines do"})
		}
		s.withoutScripts()
		refused := s.refuseOthers()
		internal := s.internal()
		s.noteLate()
		chain, first := s.chain(s.locations, s.php)
		last, moved := s.remaining()
		lines = slices.Concat(lines, internal, first, moved, chain, refused, last)
	}
	if sorted(lines) {
		n.block = append(n.block, lines...)
	} else {
		n.block = append(n.block, line("route").with(lines...).commented("in the order of nginx"))
	}
	n.block = slices.Insert(n.block, at, s.mapLines()...)
	n.block = append(n.block, s.errorPages()...)
	for _, l := range s.locations {
		if l.kind == named {
			n.block = append(n.block, s.unusedName(l)...)
		}
	}
	n.block = append(n.block, s.leftovers(s.scope)...)
	return n
}

// unusedName notes a location with a name that nothing has used.
func (s *site) unusedName(l *location) []*node {
	for _, d := range l.block {
		if s.used[d] {
			return s.leftovers(l.scope)
		}
	}
	return []*node{s.noteLeft(l.d, "nothing that was carried over goes there")}
}

// internal refuses requests for the scripts that only nginx itself may go to.
func (s *site) internal() (nodes []*node) {
	for _, l := range s.php {
		d := first(l.own("internal"))
		if d == nil || s.used[d] {
			continue
		}
		s.used[d] = true
		if l.kind == regexps && l.anyScript() {
			nodes = append(nodes, s.noteLeft(d, "scripts can be named by the client here"))
			continue
		}
		word := s.define(s.matcherOf(l), d, &nodes)
		nodes = append(nodes, line("error "+word+"404", d).commented("internal"))
	}
	return nodes
}

// noteLate tells which locations for scripts nginx never came to, since that of PHP stands before them.
func (s *site) noteLate() {
	if s.main == nil || !s.main.forAnyScript() {
		return
	}
	for _, l := range s.locations {
		if l.kind == regexps && l.bad == nil && l.d.Line > s.main.d.Line && l.d.File == s.main.d.File && strings.Contains(l.text, "php") && refuses(l.block) {
			s.note(Note{l.d.Pos.String(), l.d.String(), "nginx did not come to this for a script, since the location in line " + strconv.Itoa(s.main.d.Line) + " stands before it: here it counts"})
		}
	}
}

// findRoot decides on the folder of the site.
func (s *site) findRoot() []*node {
	d := s.last("root")
	if d == nil && s.rootLocation != nil {
		d = first(s.rootLocation.own("root"))
	}
	if d == nil {
		for _, l := range s.phpAmong(s.locations) {
			if d = first(l.own("root")); d != nil {
				break
			}
		}
	}
	if d == nil {
		return nil
	}
	s.used[d] = true
	root, err := s.expand(d.Arg(0), "")
	if err != nil || root == "" {
		return []*node{s.noteLeft(d, "it has no fixed value")}
	}
	if root != "/" {
		root = strings.TrimSuffix(root, "/")
	}
	s.root = root
	for _, l := range s.locations {
		if own := first(l.own("root")); own != nil && strings.TrimSuffix(own.Arg(0), "/") == root {
			s.used[own] = true
		}
	}
	return []*node{s.quoted(d, strings.TrimSpace("root "+starred("", strings.TrimPrefix(root, "/"))), root)}
}

// wholeSite are the lines for all of the site: compression, logs, headers.
func (s *site) wholeSite() (nodes []*node) {
	for _, name := range []string{"gzip", "brotli"} {
		if d := s.last(name); d != nil && d.Arg(0) == "on" {
			s.used[d] = true
			if len(nodes) == 0 {
				nodes = append(nodes, line("encode", d))
			} else {
				nodes[0].from = append(nodes[0].from, d.Pos.String())
			}
		}
	}
	nodes = append(nodes, s.accessLog()...)
	headers := s.headers(s.scope)
	if len(headers) == 0 {
		headers = s.headers(s.up)
	}
	return append(nodes, headers...)
}

// accessLog is the log of requests.
func (s *site) accessLog() []*node {
	all := s.inherited("access_log")
	if len(all) == 0 {
		return nil
	}
	d := all[0]
	path := d.Arg(0)
	for _, other := range all[1:] {
		if !s.used[other] {
			s.note(Note{other.Pos.String(), other.String(), "one log of requests is written"})
			s.used[other] = true
		}
	}
	switch {
	case path == "off":
		s.noteDone(d, "Caddy logs no requests unless told")
		return nil
	case strings.HasPrefix(path, "syslog:") || strings.Contains(path, "$"):
		return []*node{s.noteLeft(d, "write a log block yourself: Caddy's own writers are files and the standard ones")}
	}
	s.logs = true
	if !s.used[d] && len(d.Args) > 1 {
		s.note(Note{d.Pos.String(), d.String(), "Caddy logs JSON, whatever the format was"})
	}
	s.used[d] = true
	if path == "/dev/stdout" || path == "/dev/stderr" {
		return []*node{line("log", d)}
	}
	if rest, ok := strings.CutPrefix(path, "/var/log/nginx/"); ok {
		path = "/var/log/caddy/" + rest
	}
	return []*node{line("log", d).with(s.quoted(d, "output file", path))}
}

// errorPages are the lines for error_page.
func (s *site) errorPages() (nodes []*node) {
	for _, d := range s.inherited("error_page") {
		if s.used[d] || len(d.Args) < 2 {
			continue
		}
		s.used[d] = true
		codes, page := d.Args[:len(d.Args)-1], d.Args[len(d.Args)-1]
		status := ""
		if last := codes[len(codes)-1]; strings.HasPrefix(last, "=") {
			codes, status = codes[:len(codes)-1], last[1:]
		}
		codes = slices.DeleteFunc(slices.Clone(codes), func(c string) bool { return c == "497" || c == "494" || c == "495" || c == "496" })
		switch {
		case len(codes) == 0:
			s.note(Note{d.Pos.String(), d.String(), "Caddy has no such status"})
		case !allStatus(codes) || status != "" && status != codes[0] || strings.HasPrefix(page, "@") || isURL(page) || !strings.HasPrefix(page, "/") || strings.Contains(page, "$"):
			nodes = append(nodes, s.noteLeft(d, "write handle_errors yourself"))
		case strings.HasSuffix(page, ".php") && s.main != nil && page == s.lastTries.front:
			s.note(Note{d.Pos.String(), d.String(), "what is not there goes to " + page + " anyway; an answer that Caddy refuses itself has Caddy's page"})
		case strings.HasSuffix(page, ".php"):
			nodes = append(nodes, s.noteLeft(d, "write handle_errors with a php_worker yourself"))
		default:
			nodes = append(nodes, line("handle_errors "+strings.Join(codes, " "), d).with(s.quoted(d, "rewrite *", page), line("file_server")))
		}
	}
	return nodes
}

func allStatus(codes []string) bool {
	for _, c := range codes {
		if len(c) != 3 || c[0] < '3' || c[0] > '5' || strings.Trim(c, "0123456789") != "" {
			return false
		}
	}
	return true
}
