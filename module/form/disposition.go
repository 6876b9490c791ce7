package form

import "strings"

// disposition is what a Content-Disposition says about a part.
type disposition struct {
	name, filename       string
	hasName, hasFilename bool
}

// parseDisposition reads the parameters as PHP does: the type before the first
// semicolon does not matter, both kinds of quotes work, the last of two equal
// parameters counts, "filename*" is an unknown one.
func parseDisposition(text string) disposition {
	var d disposition
	text = trimSpaceLeft(text)
	for text != "" {
		var pair string
		pair, text = word(text, ';')
		text = trimSpaceLeft(text)
		if !strings.Contains(pair, "=") {
			continue
		}
		key, rest := word(pair, '=')
		switch {
		case asciiEqualFold(key, "name"):
			d.name, d.hasName = unquote(rest), true
		case asciiEqualFold(key, "filename"):
			d.filename, d.hasFilename = unquote(rest), true
		}
	}
	return d
}

// word splits s at the first stop outside quotes; several stops in a row are
// one. Without a stop all of s is the word.
func word(s string, stop byte) (first, rest string) {
	i := 0
	for i < len(s) && s[i] != stop {
		quote := s[i]
		i++
		if quote != '"' && quote != '\'' {
			continue
		}
		for i < len(s) && s[i] != quote {
			if s[i] == '\\' && i+1 < len(s) && s[i+1] == quote {
				i++
			}
			i++
		}
		if i < len(s) {
			i++
		}
	}
	first = s[:i]
	for i < len(s) && s[i] == stop {
		i++
	}
	return first, s[i:]
}

// unquote returns the value of a parameter: up to the closing quote, or up to
// white space where there is none. A backslash escapes itself and the quote, so
// that the paths of very old browsers stay readable.
func unquote(s string) string {
	s = trimSpaceLeft(s)
	if s == "" {
		return ""
	}
	var quote byte
	if s[0] == '"' || s[0] == '\'' {
		quote, s = s[0], s[1:]
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if quote != 0 && c == quote || quote == 0 && isSpace(c) {
			break
		}
		if c == '\\' && i+1 < len(s) && (s[i+1] == '\\' || quote != 0 && s[i+1] == quote) {
			i++
			c = s[i]
		}
		out = append(out, c)
	}
	return string(out)
}

func trimSpaceLeft(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// asciiEqualFold is strings.EqualFold without the Kelvin sign being a k.
func asciiEqualFold(a, b string) bool {
	return len(a) == len(b) && asciiLower(a) == asciiLower(b)
}
