package httpctx

import "math"

// DecodeJSON makes r what ctx says. It keeps no reference to ctx. After an
// error, a [*DecodeError], r is empty.
//
// It reads strict JSON, an object with the members "status" and "headers"; it
// skips others, and the last of several counts. What PHP makes of its arrays is
// accepted: the status may be a numeric string or end in ".0"; headers may be
// null or, if there are none, []; the values of a header may be a list, an
// object (a list with gaps, whose keys do not matter) or a single one; a value
// may be a number, true or false, which become their JSON text, or null, which
// is left out. Bytes that are not UTF-8 are kept, half of a surrogate pair
// becomes U+FFFD. More than [MaxHeaders] or [MaxHeaderBytes] are an error.
func (r *Response) DecodeJSON(ctx []byte) error {
	c := collect(r)
	defer c.close()
	d := jsonDecoder{collector: c, ctx: ctx}
	if !d.context() {
		c.forget()
		return newDecodeError("json", ctx, d.pos, d.reason)
	}
	c.finish()
	r.Status = d.status
	return nil
}

func (d *jsonDecoder) context() bool {
	if d.peek() != '{' {
		if d.pos == len(d.ctx) {
			return d.fail("no context")
		}
		return d.fail("not an object")
	}
	for d.pos++; ; {
		from, more, ok := d.key()
		if !ok {
			return false
		}
		if !more {
			break
		}
		name := d.text[from:]
		d.text = d.text[:from]
		switch string(name) {
		case "status":
			ok = d.readStatus()
		case "headers":
			ok = d.readHeaders()
		default:
			ok = d.skip(1)
		}
		if !ok || !d.next('}') {
			return false
		}
	}
	if d.peek(); d.pos < len(d.ctx) {
		return d.fail("more after the end")
	}
	return true
}

func (d *jsonDecoder) readStatus() bool {
	c, at := d.peek(), d.pos
	var digits []byte
	switch {
	case c == '"':
		from, ok := d.str()
		if !ok {
			return false
		}
		digits = d.text[from:]
		d.text = d.text[:from]
	case c == '-' || class[c]&digit != 0:
		if !d.number() {
			return false
		}
		digits = d.ctx[at:d.pos]
	case c == 'n':
		d.status = 0
		return d.literal("null")
	default:
		return d.fail("status is no number")
	}
	n, reason := atoi(digits)
	if reason != "" {
		return d.failAt(at, reason)
	}
	d.status = n
	return true
}

// atoi reads an integer, which may have a fraction of zeros.
func atoi(s []byte) (n int, reason string) {
	i := 0
	if len(s) > 0 && s[0] == '-' {
		i = 1
	}
	first := i
	for ; i < len(s) && class[s[i]]&digit != 0; i++ {
		c := int(s[i] - '0')
		if n > (math.MaxInt-c)/10 {
			return 0, "status is too large"
		}
		n = n*10 + c
	}
	if i == first {
		return 0, "status is no number"
	}
	if i+1 < len(s) && s[i] == '.' {
		for i++; i < len(s) && s[i] == '0'; i++ {
		}
	}
	if i < len(s) {
		return 0, "status is no integer"
	}
	if first > 0 {
		n = -n
	}
	return n, ""
}

func (d *jsonDecoder) readHeaders() bool {
	d.forget()
	switch d.peek() {
	case 'n':
		return d.literal("null")
	case '[':
		d.pos++
		if d.peek() != ']' {
			return d.fail("headers without names")
		}
		d.pos++
		return true
	case '{':
	default:
		return d.fail("headers are no object")
	}
	for d.pos++; ; {
		from, more, ok := d.key()
		if !ok || !more {
			return ok
		}
		name := d.word(from)
		if !d.values(&name) || !d.next('}') {
			return false
		}
	}
}

// values reads what stands behind the name of a header.
func (d *jsonDecoder) values(name *word) bool {
	switch d.peek() {
	case '[':
		for d.pos++; ; {
			if d.peek() == ']' {
				d.pos++
				return true
			}
			if !d.value(name) || !d.next(']') {
				return false
			}
		}
	case '{':
		for d.pos++; ; {
			from, more, ok := d.key()
			if !ok || !more {
				return ok
			}
			d.text = d.text[:from]
			if !d.value(name) || !d.next('}') {
				return false
			}
		}
	}
	return d.value(name)
}

// value reads one value of a header.
func (d *jsonDecoder) value(name *word) bool {
	from := len(d.text)
	c, at := d.peek(), d.pos
	switch {
	case c == '"':
		if _, ok := d.str(); !ok {
			return false
		}
	case c == '-' || class[c]&digit != 0:
		if !d.number() {
			return false
		}
		d.text = append(d.text, d.ctx[at:d.pos]...)
	case c == 't' || c == 'f':
		if !d.skip(0) {
			return false
		}
		d.text = append(d.text, d.ctx[at:d.pos]...)
	case c == 'n':
		return d.literal("null")
	default:
		return d.fail("a header value is no text")
	}
	value := d.word(from)
	if refusal := d.add(name, &value); refusal != "" {
		return d.failAt(at, refusal)
	}
	return true
}
