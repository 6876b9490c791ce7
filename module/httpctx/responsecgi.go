package httpctx

import (
	"bytes"
	"strconv"
)

// DecodeCGI makes r what ctx says, the lines in front of a CGI answer's body (RFC 3875, 6.3) as PHP
// writes them. It keeps no reference to ctx. After an error, a [*DecodeError], r is empty.
//
// The status is that of the last line "Status:"; without one it is 302 where there is a Location, else 200.
// A first line "HTTP/1.1 404 Not Found", which PHP writes with cgi.rfc2616_headers, counts, too. What
// is no number becomes status 0. A line without a colon is a header without a value, as nginx has it. Names and
// values are unchecked. More than [MaxHeaders] or [MaxHeaderBytes] are an error, and so is a ctx without
// any line: PHP writes at least one.
func (r *Response) DecodeCGI(ctx []byte) error {
	c := collect(r)
	defer c.close()
	status, location, lines := -1, false, 0
	for rest := ctx; len(rest) > 0; {
		at := len(ctx) - len(rest)
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) == 0 {
			continue
		}
		lines++
		if version, number, ok := bytes.Cut(line, []byte{' '}); lines == 1 && ok && bytes.HasPrefix(version, []byte("HTTP/")) {
			status = statusNumber(number)
			continue
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.Trim(value, " \t")
		switch {
		case foldsTo(name, "status"):
			status = statusNumber(value)
			continue
		case foldsTo(name, "location") && len(value) > 0:
			location = true
		}
		n, v := c.wordOf(name), c.wordOf(value)
		if refusal := c.add(&n, &v); refusal != "" {
			c.forget()
			return newDecodeError("CGI", ctx, at, refusal)
		}
	}
	switch {
	case lines == 0:
		c.forget()
		return newDecodeError("CGI", ctx, 0, "no header at all")
	case status >= 0:
	case location:
		status = 302
	default:
		status = 200
	}
	c.finish()
	r.Status = status
	return nil
}

// wordOf copies b.
func (c *collector) wordOf(b []byte) word {
	at := len(c.text)
	c.text = append(c.text, b...)
	return c.word(at)
}

// statusNumber is the number that a status line begins with, 0 if there is none.
func statusNumber(text []byte) int {
	number, _, _ := bytes.Cut(bytes.TrimLeft(text, " "), []byte{' '})
	n, err := strconv.ParseUint(string(number), 10, 15)
	if err != nil {
		return 0
	}
	return int(n)
}

// foldsTo reports whether name is the lower-case ASCII letters of lower, in any case.
func foldsTo(name []byte, lower string) bool {
	return len(name) == len(lower) && isFold(name, lower)
}
