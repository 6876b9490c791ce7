package migrate

import (
	"errors"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// tries is what a try_files says.
type tries struct {
	d *nginxconf.Directive
	// files are candidates as php_worker and file_server know them: {path}, {path}/, /index.php, =404.
	files []string
	// before are lines that must stand before: what no candidate can say.
	before []*node
	// front is the script that takes what is no file, "" where there is none.
	front string
}

// tryFiles translates a try_files. d may be nil.
func (s *site) tryFiles(d *nginxconf.Directive) (t tries) {
	if t.d = d; d == nil {
		return t
	}
	s.used[d] = true
	var seen []string // what must not exist for the next candidate to count
	for i, arg := range d.Args {
		last := i == len(d.Args)-1
		switch {
		case arg == "$uri" || arg == "$uri/":
			seen = append(seen, strings.Replace(arg, "$uri", "{path}", 1))
			t.files = append(t.files, strings.Replace(arg, "$uri", "{path}", 1))
		case last && strings.HasPrefix(arg, "="):
			t.files = append(t.files, arg)
		case last && strings.HasPrefix(arg, "@"):
			s.tryNamed(&t, arg, seen)
		case last:
			s.tryFront(&t, arg, seen)
		case strings.HasPrefix(arg, "$uri") && strings.HasSuffix(arg, ".php"):
			t.files = append(t.files, strings.Replace(arg, "$uri", "{path}", 1))
		default:
			file, err := s.expand(arg, "")
			if err != nil {
				t.before = append(t.before, s.noteLeft(d, "%s: %v", arg, err))
				continue
			}
			// A file for browsers: rewritten to where it exists.
			m := matcher{lines: []*node{s.quoted(d, "file", file)}}
			if len(seen) > 0 {
				m.lines = append(m.lines, s.noneOf(d, seen...)...)
			}
			word := s.define(m, d, &t.before)
			t.before = append(t.before, s.quoted(d, strings.TrimSpace("rewrite "+word), file))
			seen = append(seen, file)
		}
	}
	return t
}

// tryFront is the last candidate, a path that nginx goes on with.
func (s *site) tryFront(t *tries, arg string, seen []string) {
	file, query, hasQuery := strings.Cut(arg, "?")
	if !hasQuery {
		file, hasQuery = strings.CutSuffix(arg, "$is_args$args")
		if !hasQuery {
			file, hasQuery = strings.CutSuffix(arg, "$is_args$query_string")
		}
		if hasQuery {
			query = "$args"
		}
	}
	plain := !hasQuery || query == "$args" || query == "$query_string"
	switch {
	case plain && strings.HasSuffix(file, ".php") && (!strings.Contains(file, "$") || strings.HasPrefix(file, "$uri")):
		file = strings.Replace(file, "$uri", "{path}", 1)
		t.files, t.front = append(t.files, file), file
		return
	case plain && file == "$uri":
		t.files = append(t.files, "{path}")
		return
	}
	to, err := s.expand(arg, "")
	if err == nil && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "{") {
		err = errors.New("it is no path: what is no file is not found here")
	}
	if err != nil {
		t.before = append(t.before, s.noteLeft(t.d, "%s: %v", arg, err))
		t.files = append(t.files, "=404")
		return
	}
	m := s.missing(t, seen)
	word := s.define(m, t.d, &t.before)
	t.before = append(t.before, s.quoted(t.d, strings.TrimSpace("rewrite "+starred(word, to)), to))
	if i := strings.Index(to, ".php"); i >= 0 {
		t.front = to[:i+len(".php")]
	}
	t.files = append(t.files, "=404") // of what has been rewritten
}

// missing is the matcher for what none of the candidates seen is.
func (s *site) missing(t *tries, seen []string) (m matcher) {
	if len(seen) > 0 {
		m.lines = s.noneOf(t.d, seen...)
	}
	if s.inLast {
		m.lines = append(m.lines, s.notPHP()...)
	}
	return m
}

// tryNamed is the last candidate where it is a location of a name.
func (s *site) tryNamed(t *tries, name string, seen []string) {
	l := s.locationNamed(name)
	if l == nil {
		t.before = append(t.before, s.noteLeft(t.d, "there is no location %s", name))
		return
	}
	if l.runsPHP() {
		s.script(t, l)
		return
	}
	m := s.missing(t, seen)
	s.note(Note{l.d.Pos.String(), l.d.String(), "its lines stand where try_files leads to it"})
	for _, d := range l.block { // it may have been used before
		delete(s.used, d)
	}
	inner, _ := s.allRewrites(l.scope)
	if proxy := l.own("proxy_pass"); len(proxy) > 0 {
		inner = append(inner, s.proxy(l, proxy[0])...)
	}
	inner = append(inner, s.leftovers(l.scope)...)
	t.before = append(t.before, s.under(m, t.d, inner)...)
	for _, n := range inner {
		if _, to, ok := strings.Cut(n.text, ".php"); ok && strings.HasPrefix(n.text, "rewrite") {
			t.front = strings.TrimSpace(strings.TrimSuffix(n.text, to))
			t.front = t.front[strings.LastIndexByte(t.front, ' ')+1:]
		}
	}
	t.files = append(t.files, "=404")
}

// script makes the script that a named location runs the last candidate.
func (s *site) script(t *tries, l *location) {
	t.front = "/index.php"
	for _, d := range l.own("fastcgi_param") {
		if d.Arg(0) == "SCRIPT_FILENAME" {
			file := strings.NewReplacer("$document_root", "", "$realpath_root", "").Replace(d.Arg(1))
			if root := s.root; root != "" {
				file = strings.TrimPrefix(file, root)
			}
			if strings.HasPrefix(file, "/") && strings.HasSuffix(file, ".php") && !strings.Contains(file, "$") {
				t.front = file
				s.used[d] = true
			}
		}
	}
	s.collectPHP(l)
	s.note(Note{l.d.Pos.String(), l.d.String(), "it is what php_worker does"})
	t.files = append(slices.DeleteFunc(t.files, func(f string) bool { return f == "{path}" }), t.front)
}

// phpFiles are the words of the option try_files, nil where php_worker's own suit.
func (t tries) phpFiles() []string {
	if len(t.files) == 3 && slices.Equal(t.files[:2], []string{"{path}", "{path}/"}) && strings.TrimPrefix(t.files[2], "/") == "index.php" {
		return nil
	}
	return t.files
}
