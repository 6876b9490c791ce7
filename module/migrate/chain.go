package migrate

import (
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// entry is what one location becomes.
type entry struct {
	l    *location
	m    matcher
	body []*node
	ends bool // no request goes on behind it
}

// chain are the lines for the locations of a scope that only some requests belong to: all but "location /", those
// with a name, and those that are the site's PHP. first are lines that come before all locations.
func (s *site) chain(all []*location, php []*location) (nodes, first []*node) {
	var entries []entry
	for _, l := range all {
		if l == s.rootLocation || slices.Contains(php, l) || slices.Contains(s.dropped, l) {
			continue
		}
		if l.kind == named && s.depth > 0 {
			nodes = append(nodes, s.noteLeft(l.d, "a name within a location: nginx itself refuses it"))
		}
		if l.kind == named {
			continue
		}
		if l.bad != nil {
			nodes = append(nodes, s.noteLeft(l.d, "%v: write this location yourself, it is left out", l.bad))
			continue
		}
		body, moved, ends := s.body(l)
		e := entry{l, s.matcherOf(l), body, ends}
		if l.kind == regexps && l.aboutScripts() && s.main != nil && !s.main.forAnyScript() {
			e.m.lines = append(e.m.lines, s.notPHP()...) // which stands before it
		}
		if len(moved) > 0 {
			first = append(first, s.under(e.m, l.d, moved)...)
		}
		if len(body) > 0 || len(moved) == 0 {
			entries = append(entries, e)
		}
		if len(moved) > 0 {
			moved[0].addFrom(l.d)
		}
	}
	for len(entries) > 0 && len(entries[len(entries)-1].body) == 0 { // nothing to go on before
		s.noteDone(entries[len(entries)-1].l.d, "goes on to the last lines")
		entries = entries[:len(entries)-1]
	}
	terminal := true
	for _, e := range entries {
		if one := only(e.body); one != nil && terminal && e.ends {
			word := s.define(e.m, e.l.d, &nodes)
			one.addFrom(e.l.d)
			nodes = append(nodes, restricted(e.body, one, word)...)
			continue
		}
		word := strings.TrimSpace(s.define(e.m, e.l.d, &nodes))
		n := line("handle "+word, e.l.d).with(inOrder(e.body)...)
		if len(e.body) == 0 {
			n.say = "goes on to the last lines"
		}
		nodes = append(nodes, n)
		terminal = terminal && e.ends
	}
	return nodes, first
}

// directiveOrder is Caddy's own order of the directives that are written here.
var directiveOrder = []string{"map", "root", "log_skip", "header", "redir", "rewrite", "uri", "encode", "handle", "route", "abort", "error", "respond", "reverse_proxy", "php_worker", "file_server"}

// sorted says whether Caddy would keep the order of these lines.
func sorted(nodes []*node) bool {
	last := -1
	for _, n := range nodes {
		word, _, _ := strings.Cut(n.text, " ")
		if word == "" || strings.HasPrefix(word, "#") || strings.HasPrefix(word, "@") {
			continue
		}
		i := slices.Index(directiveOrder, word)
		if i < last || i == last && word != "header" {
			return false
		}
		last = i
	}
	return true
}

// inOrder puts lines into a route where Caddy would put them into another order.
func inOrder(nodes []*node) []*node {
	if sorted(nodes) {
		return nodes
	}
	return []*node{line("route").with(nodes...)}
}

// under are lines for what matches m.
func (s *site) under(m matcher, d *nginxconf.Directive, inner []*node) (nodes []*node) {
	if len(inner) == 1 && strings.HasPrefix(inner[0].text, "rewrite ") && !strings.HasPrefix(inner[0].text, "rewrite @") && !strings.Contains(inner[0].text, "{re.") {
		word := s.define(m, d, &nodes)
		return append(nodes, restricted(inner, inner[0], word)...)
	}
	word := strings.TrimSpace(s.define(m, d, &nodes))
	return append(nodes, line(strings.TrimSpace("route "+word), d).with(inner...))
}

// only is the one line that answers without a matcher, if there is nothing else but comments.
func only(body []*node) *node {
	var found *node
	for _, n := range body {
		switch word, rest, _ := strings.Cut(n.text, " "); {
		case strings.HasPrefix(n.text, "#"):
		case found != nil || n.block != nil || !slices.Contains([]string{"error", "redir", "respond", "abort"}, word) || strings.HasPrefix(rest, "@"):
			return nil
		default:
			found = n
		}
	}
	return found
}

// restricted is body with its one line for what matches word.
func restricted(body []*node, one *node, word string) []*node {
	all := slices.Clone(body)
	for i, n := range all {
		if n == one {
			first, rest, _ := strings.Cut(n.text, " ")
			changed := *n
			changed.text = strings.TrimSpace(first + " " + word + strings.TrimPrefix(rest, "* "))
			all[i] = &changed
		}
	}
	return all
}

// body are the lines for the requests of one location. moved come before all locations, and ends says that no
// request goes on behind them.
func (s *site) body(l *location) (nodes, moved []*node, ends bool) {
	if answer := first(l.own("return")); answer != nil {
		for _, d := range l.own("allow", "deny") {
			s.noteDone(d, "the return of the same location answers first")
		}
	}
	if d := first(l.own("internal")); d != nil {
		return s.internalFiles(l, d), nil, true
	}
	// What nested locations inherit comes before them.
	nodes, closed := s.access(l.scope, false)
	if closed && len(l.own("auth_basic")) == 0 {
		return append(nodes, s.leftovers(l.scope)...), nil, true
	}
	root, strip := s.folder(l)
	nodes = slices.Concat(nodes, root, s.headers(l.scope))
	if off := l.own("access_log"); len(off) > 0 && off[0].Arg(0) == "off" && s.logs {
		s.used[off[0]] = true
		nodes = append(nodes, line("log_skip", off[0]))
	}
	inner := s.locationsOf(l.scope)
	php := s.phpAmong(inner)
	s.depth++
	nested, first := s.chain(inner, php)
	s.depth--
	rewrites, again, ends := s.rewritePhase(l.scope)
	nodes, moved = slices.Concat(nodes, nested, rewrites), append(first, again...)
	if ends {
		return append(nodes, s.leftovers(l.scope)...), moved, true
	}
	onlyMoved := len(moved) > 0 && len(nodes) == 0 && len(strip) == 0
	nodes = append(nodes, strip...)
	content, ends := s.content(l, php, onlyMoved)
	nodes = append(nodes, content...)
	return append(nodes, s.leftovers(l.scope)...), moved, ends
}

// internalFiles is the line for a location of files that only an application sends.
func (s *site) internalFiles(l *location, d *nginxconf.Directive) []*node {
	text := "files that PHP sends by X-Accel-Redirect: php_worker's sendfile <folder> sends them, where the path is one below the folder"
	nodes := []*node{s.noteLeft(l.d, "%s", text), line("error 404", d).commented("internal")}
	s.markAll(l.block)
	return nodes
}

// withoutScripts drops the locations that only keep scripts of folders from running, and notes these folders.
func (s *site) withoutScripts() {
	if s.main == nil {
		return
	}
	for _, l := range s.locations {
		if l.kind != regexps || l.bad != nil || !refuses(l.block) {
			continue
		}
		if folders := l.foldersWithout(); folders != nil {
			s.deny = append(s.deny, folders...)
			s.denyFrom = append(append(s.denyFrom, l.d), l.block...)
			s.dropped = append(s.dropped, l)
			s.markAll(l.block)
		}
	}
}

// refuses says whether a block does nothing but refuse.
func refuses(block []*nginxconf.Directive) bool {
	refuse := false
	for _, d := range block {
		switch text := d.String(); {
		case text == "deny all", text == "return 403", text == "return 404", text == "return 444":
			refuse = true
		case d.Name != "access_log" && d.Name != "log_not_found":
			return false
		}
	}
	return refuse
}
