package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// condition is the matcher of an if.
func (s *site) condition(d *nginxconf.Directive) (m matcher, err error) {
	words := append([]string{}, d.Args...)
	if len(words) == 0 || !strings.HasPrefix(words[0], "(") || !strings.HasSuffix(words[len(words)-1], ")") {
		return m, fmt.Errorf("%q is no condition", strings.Join(words, " "))
	}
	words[0] = words[0][1:]
	last := &words[len(words)-1]
	*last = (*last)[:len(*last)-1]
	for len(words) > 1 && words[0] == "" {
		words = words[1:]
	}
	for len(words) > 1 && words[len(words)-1] == "" && !isOperator(words[len(words)-2]) {
		words = words[:len(words)-1]
	}
	switch {
	case len(words) == 2 && strings.HasPrefix(strings.TrimPrefix(words[0], "!"), "-"):
		return s.fileTest(d, words[0], words[1])
	case len(words) == 1:
		return s.comparison(d, words[0], "!=", "")
	case len(words) == 3:
		return s.comparison(d, words[0], words[1], words[2])
	}
	return m, fmt.Errorf("%q is a condition that is not known here", strings.Join(words, " "))
}

func isOperator(word string) bool { return strings.ContainsAny(word, "=~") }

// fileTest is -f, -d or -e, with ! or without.
func (s *site) fileTest(d *nginxconf.Directive, test, of string) (m matcher, err error) {
	test, not := strings.CutPrefix(test, "!")
	path := ""
	switch of {
	case "$request_filename", "$document_root$uri", "$document_root/$uri":
		path = "{path}"
	case "$document_root$fastcgi_script_name":
		path = "{path}"
	default:
		rest, ok := strings.CutPrefix(of, "$document_root")
		if !ok {
			return m, fmt.Errorf("a test of %s", of)
		}
		if path, err = s.expand(rest, ""); err != nil {
			return m, err
		}
	}
	files := map[string][]string{"-f": {path}, "-d": {path + "/"}, "-e": {path, path + "/"}}[test]
	if files == nil {
		return m, fmt.Errorf("the test %s", test)
	}
	if m.lines = s.noneOf(d, files...); !not {
		m.lines = []*node{s.oneOf(d, files...)}
	}
	return m, nil
}

// noneOf matches where none of the files exists, of which one with a slash at its end is a folder. To Caddy's matcher
// {path}/ is never the folder at the top, so that has a line of its own.
func (s *site) noneOf(d *nginxconf.Directive, files ...string) []*node {
	lines := []*node{s.quoted(d, "not file", files...)}
	if slices.Contains(files, "{path}/") {
		lines = append(lines, line("not path /", d))
	}
	return lines
}

// oneOf matches where one of the files exists, as noneOf has them.
func (s *site) oneOf(d *nginxconf.Directive, files ...string) *node {
	if none := s.noneOf(d, files...); len(none) > 1 {
		return line("not", d).with(none...)
	}
	return s.quoted(d, "file", files...)
}

// comparison is a variable, an operator and a value.
func (s *site) comparison(d *nginxconf.Directive, of, operator, value string) (m matcher, err error) {
	if !strings.HasPrefix(of, "$") {
		return m, fmt.Errorf("the condition %q", of)
	}
	name, rest := variable(of[1:])
	if rest != "" {
		return m, fmt.Errorf("the condition %q", of)
	}
	operator, not := strings.CutPrefix(operator, "!")
	word := ""
	if not {
		word = "not "
	}
	subject, err := s.variable(name, "")
	if err != nil {
		return m, err
	}
	header, isHeader := strings.CutPrefix(name, "http_")
	header = headerName(header)
	switch {
	case operator == "=" && name == "request_method":
		word += "method"
	case operator == "=" && name == "host" && value != "":
		word += "host"
	case operator == "=" && isHeader && value == "" && not:
		m.lines = []*node{line("header "+header+" *", d)}
		return m, nil
	case operator == "=" && isHeader && value != "":
		word += "header " + header
	case operator == "=":
		word += "vars " + subject
	case (operator == "~" || operator == "~*") && name == "uri":
		return s.matches(d, word+"path_regexp", value, operator)
	case (operator == "~" || operator == "~*") && name == "request_method" && methods(value) != nil:
		m.lines = []*node{line(word+"method "+strings.Join(methods(value), " "), d)}
		return m, nil
	case (operator == "~" || operator == "~*") && isHeader:
		return s.matches(d, word+"header_regexp", value, operator, header)
	case operator == "~" || operator == "~*":
		return s.matches(d, word+"vars_regexp", value, operator, subject)
	default:
		return m, fmt.Errorf("the operator %q", operator)
	}
	if strings.Contains(value, "$") {
		if value, err = s.expand(value, ""); err != nil {
			return m, err
		}
	}
	m.lines = []*node{s.quoted(d, word, value)}
	return m, nil
}

// matches is matchPattern for a regular expression of nginx. word may begin with "not".
func (s *site) matches(d *nginxconf.Directive, word, text, operator string, subject ...string) (m matcher, err error) {
	p, err := newPattern(text, operator == "~*")
	if err != nil {
		return m, err
	}
	if strings.HasPrefix(word, "not ") {
		if len(p.except) > 0 {
			return m, errRegexp
		}
		m.lines = []*node{s.quoted(d, word, append(subject, p.text)...)}
		return m, nil
	}
	return s.matchPattern(p, d, word, subject...), nil
}

// methods are the words of ^(GET|POST)$, nil if it is something else.
func methods(text string) []string {
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "^"), "$")
	if !strings.HasPrefix(text, "^") || !strings.HasSuffix(text, "$") {
		return nil
	}
	inner = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(inner, "("), ")"), "?:")
	words := strings.Split(inner, "|")
	for _, w := range words {
		if w == "" || strings.Trim(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return nil
		}
	}
	return words
}
