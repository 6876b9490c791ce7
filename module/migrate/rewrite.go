package migrate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// rewritePhase are the lines for return, rewrite, if and set of a location, in their order. moved are those of them
// after which nginx chooses a location anew: they come before all locations. ended says that nothing goes on behind.
func (s *site) rewritePhase(in *scope) (nodes, moved []*node, ended bool) {
	add := func(to []*node, again bool) {
		if again {
			moved = append(moved, to...)
		} else {
			nodes = append(nodes, to...)
		}
	}
	ended = s.eachRewrite(in, add)
	return nodes, moved, ended
}

// allRewrites are the lines of rewritePhase together, in their order.
func (s *site) allRewrites(in *scope) (nodes []*node, ended bool) {
	ended = s.eachRewrite(in, func(to []*node, _ bool) { nodes = append(nodes, to...) })
	return nodes, ended
}

func (s *site) eachRewrite(in *scope, add func(to []*node, again bool)) (ended bool) {
	for _, d := range in.block {
		if s.used[d] {
			continue
		}
		switch d.Name {
		case "return":
			s.used[d] = true
			add([]*node{s.returns(d, "", "")}, false)
			return true
		case "rewrite":
			s.used[d] = true
			var to []*node
			s.rewrites(d, matcher{}, &to)
			add(to, !stays(d))
		case "set":
			if value, err := s.expand(d.Arg(1), ""); err == nil && len(d.Args) == 2 {
				s.vars[strings.TrimPrefix(d.Arg(0), "$")] = value
				s.noteDone(d, "its value stands where it is used")
			}
		case "if":
			add(s.ifs(d))
		}
	}
	return false
}

// stays says whether a rewrite keeps the location, or answers.
func stays(d *nginxconf.Directive) bool {
	return slices.Contains([]string{"break", "redirect", "permanent"}, d.Arg(2)) || isURL(d.Arg(1))
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "$scheme")
}

// ifs are the lines of an if. again says that nginx chooses a location anew behind one of them.
func (s *site) ifs(d *nginxconf.Directive) (nodes []*node, again bool) {
	s.used[d] = true
	m, err := s.condition(d)
	if err != nil {
		for _, inner := range d.Block {
			s.used[inner] = true
		}
		return []*node{s.noteLeft(d, "%v: its block is left out", err)}, false
	}
	word := ""
	defined := func() string {
		if word == "" {
			word = s.define(m, d, &nodes)
		}
		return word
	}
	for _, inner := range d.Block {
		s.used[inner] = true
		switch inner.Name {
		case "return":
			w := defined()
			nodes = append(nodes, s.returns(inner, w, m.capture))
		case "rewrite":
			s.rewrites(inner, m, &nodes)
			again = again || !stays(inner)
		case "deny":
			w := defined()
			nodes = append(nodes, line("error "+w+"403", inner))
		case "add_header":
			w := defined()
			if value, err := s.expand(inner.Arg(1), m.capture); err == nil && isHeaderName(inner.Arg(0)) && value != "" {
				nodes = append(nodes, s.quoted(inner, strings.TrimSpace("header "+w)+" "+inner.Arg(0), value))
			} else {
				nodes = append(nodes, s.noteLeft(inner, "has no counterpart that is known here"))
			}
		case "access_log":
			if s.logs && inner.Arg(0) == "off" {
				nodes = append(nodes, line(strings.TrimSpace("log_skip "+defined()), inner))
			} else {
				s.noteDone(inner, "Caddy logs no requests of this place")
			}
		case "break":
			s.noteDone(inner, "nothing follows")
		default:
			nodes = append(nodes, s.noteLeft(inner, "within an if it has no counterpart that is known here"))
		}
	}
	if word == "" && m.lines != nil && !s.noted[Note{d.Pos.String(), d.String(), inItsBlock}] {
		s.noteDone(d, inItsBlock)
	}
	return nodes, again
}

// inItsBlock is said of an if whose block needs no condition.
const inItsBlock = "what became of its block is said of each directive"

// starred is the word of a matcher before a value, which must not be taken for one itself.
func starred(word, value string) string {
	if word == "" && value != "" && strings.ContainsRune("/@*", rune(value[0])) {
		return "* "
	}
	return word
}

// returns is the line of a return, for what matches word.
func (s *site) returns(d *nginxconf.Directive, word, capture string) *node {
	code, text := d.Arg(0), d.Arg(1)
	status, err := strconv.Atoi(code)
	if err != nil && len(d.Args) == 1 { // an address alone
		code, text, status = "302", code, 302
	}
	value, err := s.expand(text, capture)
	if err != nil {
		if status >= 400 && status <= 599 && status != 444 { // the text is not worth an open place
			s.left = append(s.left, Note{d.Pos.String(), d.String(), err.Error() + ": the text is left out"})
			return line("error "+word+code, d)
		}
		return s.noteLeft(d, "%v", err)
	}
	quoted, err := quote(value)
	switch {
	case err != nil:
		return s.noteLeft(d, "%v", err)
	case status == 444:
		return line(strings.TrimSpace("abort "+word), d)
	case status >= 300 && status < 400 && status != 304 && value != "":
		return line("redir "+starred(word, value)+quoted+" "+code, d)
	case status >= 400 && status <= 599 && value == "":
		return line("error "+word+code, d)
	case status < 200 || status > 599:
		return s.noteLeft(d, "it is no status")
	case value == "":
		return line("respond "+word+code, d)
	}
	return line("respond "+starred(word, value)+quoted+" "+code, d)
}

// always are regular expressions that match every path.
var always = []string{"^", ".*", "^.*$", "^/", "/", "^.*", "^/.*$", "^/.*", "(.*)", "^(.*)$", "^(.*)"}

// rewrites are the lines of a rewrite, for what matches m, too.
func (s *site) rewrites(d *nginxconf.Directive, m matcher, nodes *[]*node) {
	text, to, flag := d.Arg(0), d.Arg(1), d.Arg(2)
	p, err := newPattern(text, false)
	if err != nil || to == "" {
		*nodes = append(*nodes, s.noteLeft(d, "%v", errRegexp))
		return
	}
	capture, path := "", m.path
	lines := slices.Clone(m.lines)
	if slices.Contains(always, text) {
		capture = m.capture
		if strings.Contains(text, "(") {
			s.vars["1"] = "{path}"
			defer delete(s.vars, "1")
		}
	} else {
		path = ""
		for _, l := range m.lines {
			if strings.HasPrefix(l.text, "path_regexp") {
				*nodes = append(*nodes, s.noteLeft(d, "one matcher cannot have two regular expressions for a path"))
				return
			}
		}
		more := s.matchPattern(p, d, "path_regexp")
		capture, lines = more.capture, append(lines, more.lines...)
	}
	bare, noQuery := strings.CutSuffix(to, "?")
	value, err := s.expand(bare, capture)
	if err != nil {
		*nodes = append(*nodes, s.noteLeft(d, "%v", err))
		return
	}
	status := map[string]string{"permanent": " 301", "redirect": " 302"}[flag]
	if status == "" && isURL(to) {
		status = " 302"
	}
	hasQuery := strings.Contains(value, "?") || strings.HasSuffix(value, "{uri}")
	switch {
	case status != "" && noQuery:
	case status != "" && !hasQuery:
		value += "{?query}"
	case status == "" && noQuery:
		value += "?"
	case hasQuery && !strings.HasSuffix(value, "{uri}") && !strings.Contains(value, "{query}"):
		value += "&{query}"
	}
	quoted, err := quote(value)
	if err != nil {
		*nodes = append(*nodes, s.noteLeft(d, "%v", err))
		return
	}
	word := s.define(matcher{lines: lines, path: path}, d, nodes)
	if status != "" {
		*nodes = append(*nodes, line("redir "+starred(word, value)+quoted+status, d))
		return
	}
	*nodes = append(*nodes, line("rewrite "+starred(word, value)+quoted, d))
}
