package migrate

import (
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// onlyFiles are the candidates of try_files where there is no front controller.
var onlyFiles = []string{"{path}", "{path}/", "=404"}

// content are the lines that answer the requests of a location other than the last one. php are the locations
// in it that run PHP. ends is false where the site's last lines answer.
func (s *site) content(l *location, php []*location, onlyMoved bool) (nodes []*node, ends bool) {
	if proxy := l.own("proxy_pass"); len(proxy) > 0 {
		return s.proxy(l, proxy[0]), true
	}
	for _, name := range []string{"uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "content_by_lua_block"} {
		if d := l.own(name); len(d) > 0 {
			return []*node{s.noteLeft(d[0], "Caddy itself has no counterpart: until there is one, this place is closed"), line("error 503", d[0])}, true
		}
	}
	try := s.tryFiles(first(l.own("try_files")))
	ownFolder := len(l.own("root", "alias")) > 0 && !s.sameRoot(l)
	lists := len(l.own("autoindex")) > 0 && l.own("autoindex")[0].Arg(0) == "on"
	nodes = append(nodes, try.before...)
	if try.d != nil {
		s.note(Note{try.d.Pos.String(), try.d.String(), "what file_server and php_worker do, or the last lines"})
	}
	switch {
	case l.runsPHP() || len(php) > 0:
		if len(php) == 0 {
			php = []*location{l}
		}
		candidates := try.files
		if try.d == nil || len(candidates) < 2 && try.front == "" {
			candidates = onlyFiles
		}
		return append(nodes, s.phpWorker(l.scope, php, candidates, try.d)), true
	case try.front != "" && !ownFolder && (len(try.before) > 0 || slices.Equal(try.files, s.lastTries.files)):
		return nodes, false
	case try.front != "" && s.main != nil:
		return append(nodes, s.phpWorker(l.scope, s.php, try.phpFiles(), try.d)), true
	case s.main != nil && try.d == nil && l.kind == exact && strings.HasSuffix(l.path, "/") && !ownFolder:
		return nodes, false // its index
	case onlyMoved && try.d == nil && !ownFolder:
		return nodes, false
	case s.main != nil && l.kind == prefix && s.main.forAnyScript() && s.depth == 0:
		// PHP below it runs: the regular expression counts.
		if slices.Equal(s.lastTries.files, onlyFiles) && len(s.lastTries.before) == 0 && !ownFolder && !lists {
			return nodes, false
		}
		return append(nodes, s.browse(l.scope, s.phpWorker(l.scope, s.php, onlyFiles, l.d))...), true
	}
	return append(nodes, s.fileServer(l)), true
}

func first(all []*nginxconf.Directive) *nginxconf.Directive {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// sameRoot says whether the location has just the root of the site.
func (s *site) sameRoot(l *location) bool {
	d := first(l.own("root"))
	if d == nil || len(l.own("alias")) > 0 {
		return false
	}
	root, err := s.expand(d.Arg(0), "")
	return err == nil && strings.TrimSuffix(root, "/") == s.root
}

// folder are the lines for the root or alias of a location, if it is another than the site's. strip are those that
// change the path: they come behind nested locations.
func (s *site) folder(l *location) (root, strip []*node) {
	for _, d := range l.own("root") {
		s.used[d] = true
		to, err := s.expand(d.Arg(0), "")
		if err != nil {
			root = append(root, s.noteLeft(d, "%v", err))
		} else if to = strings.TrimSuffix(to, "/"); to != s.root {
			root = append(root, s.quoted(d, strings.TrimSpace("root "+starred("", strings.TrimPrefix(to, "/"))), to))
		} else {
			s.noteDone(d, "it is the root of the site")
		}
	}
	for _, d := range l.own("alias") {
		s.used[d] = true
		to, err := s.expand(strings.TrimSuffix(d.Arg(0), "$1"), "")
		captured := strings.HasSuffix(d.Arg(0), "/$1")
		to = strings.TrimSuffix(to, "/")
		at := strings.TrimSuffix(l.path, "/")
		if l.kind == regexps { // ^/folder/(...)$ and /where/it/is/folder/$1
			at, _, _ = strings.Cut(strings.TrimPrefix(l.path, "^"), "(")
			captured = captured && strings.HasPrefix(l.path, "^/") && strings.HasSuffix(at, "/") && plainPath(at) && !strings.ContainsAny(at, ".+?[|")
			at = strings.TrimSuffix(at, "/")
		}
		parent, same := strings.CutSuffix(to, at)
		switch {
		case err != nil || l.kind == regexps && !(captured && same) || l.kind != regexps && strings.HasSuffix(d.Arg(0), "$1"):
			root = append(root, s.noteLeft(d, "an alias with variables: write root and rewrite yourself; until then this place is closed"), line("error 503", d))
		case l.kind == exact:
			dir, file := to[:strings.LastIndexByte("/"+to, '/')], to[strings.LastIndexByte(to, '/')+1:]
			root = append(root, s.quoted(d, "root", "/"+strings.Trim(dir, "/")))
			strip = append(strip, s.quoted(d, "rewrite *", "/"+file))
		case same:
			if parent = "/" + strings.TrimPrefix(parent, "/"); parent != s.root {
				root = append(root, s.quoted(d, "root", parent))
			}
		default:
			if l.runsPHP() || contains(l.block, "fastcgi_pass") {
				strip = append(strip, s.noteLeft(d, "PHP sees SCRIPT_NAME without %q here: if the application needs it, give the folder that name by a link (ln -s) and write root for the folder above", at))
			}
			root = append(root, s.quoted(d, strings.TrimSpace("root "+starred("", strings.TrimPrefix(to, "/"))), to))
			strip = append(strip, s.quoted(d, "uri strip_prefix", at))
		}
	}
	return root, strip
}

// fileServer is the line that serves files.
func (s *site) fileServer(l *location) *node {
	n := line("file_server", l.d)
	for _, d := range l.own("autoindex") {
		s.used[d] = true
		if d.Arg(0) == "on" {
			n = line("file_server browse", d)
		} else {
			s.noteDone(d, "Caddy lists no folders")
		}
	}
	var block []*node
	for _, d := range l.own("index") {
		s.used[d] = true
		if names := notScripts(d.Args); len(names) > 0 && !slices.Equal(names, []string{"index.html"}) {
			block = append(block, s.quoted(d, "index", names...))
		} else {
			s.noteDone(d, "file_server has index.html; scripts are php_worker's")
		}
	}
	if s.main != nil && (l.kind == prefix || l.kind == stopping) {
		block = append(block, (&node{text: "hide *.php"}).commented("nginx would send their source"))
	}
	if len(block) > 0 {
		n = n.with(block...)
	}
	return n
}

func notScripts(names []string) (rest []string) {
	for _, name := range names {
		if !strings.HasSuffix(name, ".php") && !strings.ContainsAny(name, "$/") {
			rest = append(rest, name)
		}
	}
	return rest
}

// browse adds the listing of folders, where autoindex is on, before php.
func (s *site) browse(in *scope, php *node) []*node {
	d := in.last("autoindex")
	if d == nil || d.Arg(0) != "on" {
		return []*node{php}
	}
	s.used[d] = true
	var nodes []*node
	word := s.define(matcher{lines: []*node{s.oneOf(d, "{path}/"), line("not file {path}/index.php {path}/index.html", d)}}, d, &nodes)
	return append(nodes, line("file_server "+word+"browse", d), php)
}

// remaining are the lines for what no other location has taken: "location /" and PHP, or the server itself. moved
// come before all locations.
func (s *site) remaining() (nodes, moved []*node) {
	in := s.scope
	if s.rootLocation != nil {
		in = s.rootLocation.scope
	}
	for _, l := range s.php {
		more, again := s.lastOf(l)
		nodes = append(nodes, more...)
		if len(again) > 0 {
			moved = append(moved, s.under(s.matcherOf(l), l.d, again)...)
		}
	}
	if s.rootLocation != nil && !slices.Contains(s.php, s.rootLocation) {
		if s.main != nil && s.main.kind != named && answersAll(in) {
			nodes = append(nodes, s.onlyPHP(in)...)
			for _, l := range s.php {
				nodes = append(nodes, s.leftovers(l.scope)...)
			}
		}
		refuse, _ := s.access(in, false)
		rewrites, _ := s.allRewrites(in)
		nodes = slices.Concat(nodes, refuse, s.headers(in), rewrites)
		if answersAll(in) {
			s.noteDone(s.rootLocation.d, "its lines are the last ones")
			return append(nodes, s.leftovers(in)...), moved
		}
	}
	if s.rootLocation != nil {
		inner := s.locationsOf(in)
		s.depth++
		more, first := s.chain(inner, s.phpAmong(inner))
		s.depth--
		nodes, moved = append(nodes, more...), append(moved, first...)
		if off := in.own("access_log"); len(off) > 0 && off[0].Arg(0) == "off" && s.main == nil && s.logs {
			s.used[off[0]] = true
			nodes = append(nodes, line("log_skip", off[0]))
		}
	}
	nodes = append(nodes, s.lastTries.before...)
	l := s.rootLocation
	if l == nil {
		l = &location{scope: s.scope, d: s.server, kind: exact, path: "/"}
	}
	proxy := first(in.own("proxy_pass"))
	switch {
	case proxy != nil && s.main != nil:
		nodes = append(append(nodes, s.onlyPHP(in)...), s.proxy(l, proxy)...)
	case proxy != nil:
		nodes = append(nodes, s.proxy(l, proxy)...)
	case s.main != nil:
		nodes = append(nodes, s.withoutInfo()...)
		n := s.phpWorker(in, s.php, s.lastFiles(), s.lastTries.d)
		n.addFrom(s.lastTries.d)
		nodes = append(nodes, s.browse(in, n)...)
	default:
		nodes = append(nodes, s.fileServer(l))
	}
	if s.rootLocation != nil {
		nodes[len(nodes)-1].addFrom(s.rootLocation.d)
	}
	for _, l := range append(slices.Clone(s.php), s.rootLocation) {
		if l != nil {
			nodes = append(nodes, s.leftovers(l.scope)...)
		}
	}
	return nodes, moved
}

// withoutInfo are the lines that keep a script from running with a path behind its name, where nginx ran none: a
// location that refuses /admin.php would not refuse /admin.php/x.
func (s *site) withoutInfo() (nodes []*node) {
	if s.main.kind != regexps || !s.main.anyScript() || s.main.matches("/x.php/info") {
		return nil
	}
	word := s.define(matcher{lines: []*node{line(`path_regexp \.php/`, s.main.d)}}, s.main.d, &nodes)
	if front := s.lastTries.front; front != "" && strings.HasPrefix(front, "/") {
		return append(nodes, s.quoted(s.main.d, "rewrite "+strings.TrimSpace(word), front).commented("scripts had no path behind them"))
	}
	return append(nodes, line("error "+word+"404", s.main.d).commented("scripts had no path behind them"))
}

// lastFiles are the candidates of the last php_worker.
func (s *site) lastFiles() []string {
	switch {
	case s.lastTries.d != nil:
		return s.lastTries.phpFiles()
	case s.main == s.rootLocation:
		var t tries
		s.script(&t, s.main)
		return t.files
	}
	return onlyFiles
}

// lastOf are the lines of a location that runs the site's PHP. again are rewrites after which nginx chooses anew.
func (s *site) lastOf(l *location) (more, again []*node) {
	if l.kind == named {
		return nil, nil
	}
	refuse, _ := s.access(l.scope, false)
	lines, again, _ := s.rewritePhase(l.scope)
	return slices.Concat(refuse, s.headers(l.scope), lines), again
}

// answersAll says whether a scope answers every request itself.
func answersAll(in *scope) bool {
	rules := in.own("allow", "deny")
	return len(rules) > 0 && rules[0].String() == "deny all" || len(in.own("return")) > 0
}

// onlyPHP are the lines that run PHP where everything else is another's.
func (s *site) onlyPHP(in *scope) (nodes []*node) {
	for _, l := range s.php {
		word := s.define(s.matcherOf(l), l.d, &nodes)
		n := s.phpWorker(s.scope, []*location{l}, []string{"{path}", "=404"}, l.d)
		n.text = strings.TrimSpace(n.text + " " + word)
		nodes = append(nodes, n)
	}
	return nodes
}
