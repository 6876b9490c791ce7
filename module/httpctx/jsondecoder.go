package httpctx

import (
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may be nested: what PHP's json_encode
// writes at most.
const maxDepth = 512

// jsonDecoder reads one context from left to right. Its methods report whether
// all is well; if not, reason says why and pos where.
type jsonDecoder struct {
	*collector
	ctx    []byte
	pos    int
	status int
	reason string
}

func (d *jsonDecoder) fail(reason string) bool {
	d.reason = reason
	return false
}

// failAt fails at an earlier position.
func (d *jsonDecoder) failAt(pos int, reason string) bool {
	d.pos = pos
	return d.fail(reason)
}

// peek skips white space and returns the next byte, 0 at the end.
func (d *jsonDecoder) peek() byte {
	for d.pos < len(d.ctx) {
		switch c := d.ctx[d.pos]; c {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return c
		}
	}
	return 0
}

// key reads the next key of an object and the colon after it, and puts the key
// at the end of the text; more is false at the end of the object, which it
// reads, too.
func (d *jsonDecoder) key() (from int, more, ok bool) {
	switch d.peek() {
	case '}':
		d.pos++
		return 0, false, true
	case '"':
	default:
		return 0, false, d.fail("no key")
	}
	from, ok = d.str()
	if !ok {
		return 0, false, false
	}
	if d.peek() != ':' {
		return 0, false, d.fail("no colon after a key")
	}
	d.pos++
	return from, true, true
}

// next reads the comma before another member or element; the closing bracket it
// leaves alone. No bracket may follow the comma.
func (d *jsonDecoder) next(closing byte) bool {
	switch d.peek() {
	case closing:
		return true
	case ',':
		d.pos++
		if d.peek() == closing {
			return d.fail("nothing after a comma")
		}
		return true
	}
	return d.fail("no comma")
}

// skip reads a value of any kind that stands in depth arrays and objects.
func (d *jsonDecoder) skip(depth int) bool {
	c := d.peek()
	switch {
	case c == '"':
		from, ok := d.str()
		d.text = d.text[:from]
		return ok
	case c == '-' || class[c]&digit != 0:
		return d.number()
	case c == 't':
		return d.literal("true")
	case c == 'f':
		return d.literal("false")
	case c == 'n':
		return d.literal("null")
	case c != '{' && c != '[':
		return d.fail("no value")
	case depth == maxDepth:
		return d.fail("too deep")
	}
	for d.pos++; ; {
		if c == '[' {
			if d.peek() == ']' {
				d.pos++
				return true
			}
		} else {
			from, more, ok := d.key()
			if !ok || !more {
				return ok
			}
			d.text = d.text[:from]
		}
		// The closing bracket of either kind is the opening one plus 2.
		if !d.skip(depth+1) || !d.next(c+2) {
			return false
		}
	}
}

func (d *jsonDecoder) literal(word string) bool {
	if end := d.pos + len(word); end <= len(d.ctx) && string(d.ctx[d.pos:end]) == word {
		d.pos = end
		return true
	}
	return d.fail("no value")
}

func (d *jsonDecoder) number() bool {
	if d.ctx[d.pos] == '-' {
		d.pos++
	}
	if d.pos < len(d.ctx) && d.ctx[d.pos] == '0' {
		d.pos++
	} else if !d.digits() {
		return false
	}
	if d.pos < len(d.ctx) && d.ctx[d.pos] == '.' {
		d.pos++
		if !d.digits() {
			return false
		}
	}
	if d.pos < len(d.ctx) && d.ctx[d.pos]|0x20 == 'e' {
		d.pos++
		if d.pos < len(d.ctx) && (d.ctx[d.pos] == '+' || d.ctx[d.pos] == '-') {
			d.pos++
		}
		return d.digits()
	}
	return true
}

// digits reads one digit or more.
func (d *jsonDecoder) digits() bool {
	from := d.pos
	for d.pos < len(d.ctx) && class[d.ctx[d.pos]]&digit != 0 {
		d.pos++
	}
	return d.pos > from || d.fail("a number without digits")
}

// str reads a string and puts it, without its escapes, at the end of the text.
func (d *jsonDecoder) str() (from int, ok bool) {
	from = len(d.text)
	opening := d.pos
	d.pos++
	for {
		start := d.pos
		for d.pos < len(d.ctx) && class[d.ctx[d.pos]]&stops == 0 {
			d.pos++
		}
		if d.pos == len(d.ctx) {
			return from, d.failAt(opening, "a string without end")
		}
		d.text = append(d.text, d.ctx[start:d.pos]...)
		switch d.ctx[d.pos] {
		case '"':
			d.pos++
			return from, true
		case '\\':
			if !d.escape() {
				return from, false
			}
		default:
			return from, d.fail("a control character in a string")
		}
	}
}

func (d *jsonDecoder) escape() bool {
	if d.pos+1 == len(d.ctx) {
		return d.fail("a broken escape")
	}
	c := d.ctx[d.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return d.unicode()
	default:
		return d.fail("a broken escape")
	}
	d.text = append(d.text, c)
	d.pos += 2
	return true
}

// unicode reads \uXXXX, or two of them that are a surrogate pair.
func (d *jsonDecoder) unicode() bool {
	r := d.unit(d.pos)
	if r < 0 {
		return d.fail("a broken escape")
	}
	d.pos += 6
	if utf16.IsSurrogate(r) {
		// Fails, as it should, where no second half follows.
		r = utf16.DecodeRune(r, d.unit(d.pos))
		if r != utf8.RuneError {
			d.pos += 6
		}
	}
	d.text = utf8.AppendRune(d.text, r)
	return true
}

// unit is the value of the \uXXXX at pos, -1 if there is none.
func (d *jsonDecoder) unit(pos int) rune {
	if pos+6 > len(d.ctx) || d.ctx[pos] != '\\' || d.ctx[pos+1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range d.ctx[pos+2 : pos+6] {
		switch {
		case class[c]&digit != 0:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
