package form

import (
	"fmt"
	"strings"
)

// ParseURLEncoded reads an application/x-www-form-urlencoded body as PHP fills
// $_POST from it. The tree shares memory with body. The error is ErrTooManyVars
// or ErrTooDeep; there is no other way for such a body to be wrong.
func ParseURLEncoded(body string, l Limits) (*Tree, error) {
	l = l.withDefaults()
	tree := &Tree{}
	var steps [8]segment
	for n := 1; body != ""; n++ {
		if n > l.MaxVars {
			return nil, fmt.Errorf("%w: more than %d", ErrTooManyVars, l.MaxVars)
		}
		var field string
		field, body, _ = strings.Cut(body, "&")
		name, text, _ := strings.Cut(field, "=")
		path, err := parseName(steps[:0], unescape(name, true), l.MaxDepth)
		if err != nil {
			return nil, err
		}
		tree.put(path, value{text: unescape(text, true)})
	}
	return tree, nil
}

// MemoryOf is how many bytes of memory ParseURLEncoded may need at most for body, besides
// body itself, about.
func MemoryOf(body string, l Limits) int64 {
	l = l.withDefaults()
	nodes, names, rest := 0, 0, body
	for n := 0; n < l.MaxVars && rest != ""; n++ {
		var field string
		field, rest, _ = strings.Cut(rest, "&")
		if name, _, _ := strings.Cut(field, "="); name != "" {
			nodes += 1 + min(brackets(name), l.MaxDepth)
			names += len(name) // it is there as it was sent, and mangled
		}
	}
	return int64(len(body)) + int64(names) + nodeSize*int64(nodes)
}

// unescape decodes %XX, and + as a space where plus is true. What is no valid
// escape stands for itself.
func unescape(s string, plus bool) string {
	first := strings.IndexByte(s, '%')
	if plus {
		if i := strings.IndexByte(s, '+'); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:first])
	for i := first; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plus:
			c = ' '
		case c == '%' && i+2 < len(s):
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 16 && lo < 16 {
				c = hi<<4 | lo
				i += 2
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// unhex returns the value of a hexadecimal digit, or 16.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
