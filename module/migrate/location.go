package migrate

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// kind is how a location matches.
type kind int

const (
	exact    kind = iota // = /path
	stopping             // ^~ /path: regular expressions are not asked
	regexps              // ~ and ~*
	prefix               // /path
	named                // @name
)

// location is a block that some requests belong to.
type location struct {
	*scope
	d       *nginxconf.Directive
	kind    kind
	path    string // of exact, stopping, prefix; the name of named
	pattern        // of regexps, and of a path that a path matcher would take for something else
	bad     error  // the regular expression cannot be translated, or that of a path with more than a path matcher takes
	// taken says that what it tells PHP-FPM is in poolLines, lines for a pool, and readTimeout.
	taken       bool
	poolLines   []*node
	readTimeout []*nginxconf.Directive
}

// locationsOf are the locations of a scope, in the order in which nginx asks them.
func (s *site) locationsOf(in *scope) (all []*location) {
	for _, d := range in.own("location") {
		if d.Block == nil || len(d.Args) == 0 {
			continue
		}
		s.used[d] = true
		l := &location{scope: &scope{up: in, block: d.Block}, d: d, kind: prefix}
		modifier, path := "", d.Args[0]
		if len(d.Args) > 1 {
			modifier, path = d.Args[0], d.Args[1]
		} else {
			for _, m := range []string{"^~", "~*", "~", "="} { // written without a space
				if rest, ok := strings.CutPrefix(path, m); ok {
					modifier, path = m, rest
					break
				}
			}
		}
		l.path = path
		text := "^" + regexp.QuoteMeta(path)
		switch modifier {
		case "=":
			l.kind = exact
			text += "$"
		case "^~":
			l.kind = stopping
		case "~", "~*":
			l.kind = regexps
			text = path
		case "":
			if strings.HasPrefix(path, "@") {
				l.kind = named
			}
		}
		if l.kind == regexps || !plainPath(path) {
			l.pattern, l.bad = newPattern(text, modifier == "~*")
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b *location) int {
		if c := cmp.Compare(a.kind, b.kind); c != 0 || a.kind == regexps || a.kind == named {
			return c
		}
		return cmp.Compare(len(b.path), len(a.path))
	})
	return all
}

// locationNamed finds a location by its name.
func (s *site) locationNamed(name string) *location {
	for _, l := range s.locations {
		if l.kind == named && l.path == name {
			return l
		}
	}
	return nil
}

// runsPHP says whether the location itself hands requests to PHP.
func (l *location) runsPHP() bool { return len(l.own("fastcgi_pass")) > 0 }

// matcher is what a request must be for a line to count.
type matcher struct {
	lines []*node
	// capture is the name of its regular expression.
	capture string
	path    string // if that is all
}

// matcherOf is the matcher of a location.
func (s *site) matcherOf(l *location) matcher {
	if l.pattern.re != nil {
		return s.matchPattern(l.pattern, l.d, "path_regexp")
	}
	path := l.path
	if l.kind == stopping || l.kind == prefix {
		path += "*"
	}
	return matcher{path: path, lines: []*node{line("path "+path, l.d)}}
}

// matchPattern is a matcher for a pattern: word is path_regexp or its like, and subject what that is to look at, where it is not the path.
func (s *site) matchPattern(p pattern, d *nginxconf.Directive, word string, subject ...string) (m matcher) {
	m.capture = s.captures(p, d)
	m.lines = append(m.lines, s.quoted(d, strings.TrimSpace(word+" "+m.capture), append(subject, p.text)...))
	for _, except := range p.except {
		m.lines = append(m.lines, s.quoted(d, "not "+word, append(subject, except)...))
	}
	return m
}

// captures is the name for the groups of a pattern, "" if it has none.
func (s *site) captures(p pattern, d *nginxconf.Directive) string {
	if p.re.NumSubexp() == 0 {
		return ""
	}
	capture := s.unique("re" + strconv.Itoa(d.Line))
	for _, name := range p.re.SubexpNames() {
		if name != "" {
			s.groups[capture+"."+name] = true
		}
	}
	return capture
}

// quoted is a line of a word and values, or a comment if a Caddyfile cannot hold one.
func (s *site) quoted(d *nginxconf.Directive, word string, values ...string) *node {
	for _, v := range values {
		q, err := quote(v)
		if err != nil {
			return s.noteLeft(d, "%v", err)
		}
		word = strings.TrimPrefix(word+" "+q, " ")
	}
	return line(word, d)
}

// plainPath says whether a path means itself in a path matcher.
func plainPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.ContainsAny(path, "*%{}\"`\\ \t\n#") && printable(path) == path
}

// define writes the matcher in nodes, and gives the word for it. A single path needs no definition.
func (s *site) define(m matcher, d *nginxconf.Directive, nodes *[]*node) string {
	switch {
	case len(m.lines) == 0:
		return ""
	case m.path != "":
		return m.path + " "
	}
	name := s.unique("@line" + strconv.Itoa(d.Line))
	if len(m.lines) == 1 && m.lines[0].block == nil && !strings.HasPrefix(m.lines[0].text, "#") {
		*nodes = append(*nodes, line(name+" "+m.lines[0].text, d))
	} else {
		*nodes = append(*nodes, line(name, d).with(m.lines...))
	}
	return name + " "
}
