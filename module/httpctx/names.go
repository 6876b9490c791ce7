package httpctx

import "unicode/utf8"

// sends reports whether the header of this name is sent.
func (r *Request) sends(name string) bool {
	for i := range len(name) {
		if class[name[i]]&token == 0 {
			return false
		}
	}
	if isNumber(name) {
		return false
	}
	switch len(name) {
	case len("host"):
		return r.Host == "" || !isFold(name, "host")
	case len("proxy"):
		return !isFold(name, "proxy")
	}
	return true
}

// isFold reports whether s is the lower-case ASCII letters of lower, in any
// case. Both have one length.
func isFold[text string | []byte](s text, lower string) bool {
	for i := range len(lower) {
		if s[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// sendsAttribute reports whether the attribute at i is sent: it has a name that
// is no number, and no later one has the same. Attributes come from the
// configuration, so they are few.
func sendsAttribute(attributes []Pair, i int) bool {
	name := attributes[i].Name
	if isNumber(name) {
		return false
	}
	for j := i + 1; j < len(attributes); j++ {
		if sameText(attributes[j].Name, name) {
			return false
		}
	}
	return true
}

// isNumber reports whether s is nothing but digits, perhaps with a minus sign,
// or empty.
func isNumber(s string) bool {
	for i := range len(s) {
		if class[s[i]]&digit == 0 && (i > 0 || s[i] != '-' || len(s) == 1) {
			return false
		}
	}
	return true
}

// fewCookies is how many cookies are compared with one another. A browser sends
// less; a client that sends 100,000 must not cost their square.
const fewCookies = 64

// firsts tells the first of several pairs with one name. has must be called
// with every index in order.
type firsts struct {
	pairs []Pair
	seen  map[string]struct{} // only with more than fewCookies
}

// has reports whether the pair at i has a name, and one that no earlier has.
func (f *firsts) has(i int) bool {
	name := f.pairs[i].Name
	if name == "" {
		return false
	}
	if len(f.pairs) > fewCookies {
		return f.remember(name)
	}
	if !isASCII(name) {
		for j := range i {
			if sameText(f.pairs[j].Name, name) {
				return false
			}
		}
		return true
	}
	for j := range i {
		if f.pairs[j].Name == name {
			return false
		}
	}
	return true
}

func (f *firsts) remember(name string) bool {
	if f.seen == nil {
		f.seen = make(map[string]struct{}, len(f.pairs))
	}
	if !utf8.ValidString(name) {
		name = string(appendText(nil, name))
	}
	if _, seen := f.seen[name]; seen {
		return false
	}
	f.seen[name] = struct{}{}
	return true
}

// sameText reports whether appendText makes the same of a and b: they would be
// one key in PHP.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	for a != "" && b != "" {
		x, n := character(a)
		y, m := character(b)
		if x != y {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}

// character is the first character of s, as appendText writes it, and how many
// bytes of s it takes.
func character(s string) (rune, int) {
	if size := sequence(s); size > 0 {
		r, _ := utf8.DecodeRuneInString(s)
		return r, size
	}
	return rune(s[0]), 1
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
