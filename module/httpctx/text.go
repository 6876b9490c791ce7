package httpctx

import "unicode/utf8"

// Classes of bytes.
const (
	stops   = 1 << iota // must be escaped in a JSON string, and ends one or starts an escape
	high                // 0x80 and above
	escaped             // becomes %XX in a URI
	token               // may stand in a header name (RFC 9110, 5.6.2)
	digit
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < 0x20:
			t[c] = stops | escaped
		case c == ' ' || c == 0x7f:
			t[c] = escaped
		case c == '"' || c == '\\':
			t[c] = stops
		case c >= '0' && c <= '9':
			t[c] = token | digit
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			t[c] = token
		case c >= utf8.RuneSelf:
			t[c] = high | escaped
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= token
	}
	return t
}()

const (
	hexLower = "0123456789abcdef"
	hexUpper = "0123456789ABCDEF"
)

// AppendString appends s as a JSON string, quotes included, and returns the
// longer slice. It is for all who write JSON for a worker, a form or the
// uploads, too: bytes that are not UTF-8 are read as ISO-8859-1.
func AppendString(dst []byte, s string) []byte {
	return append(AppendEscaped(append(dst, '"'), s), '"')
}

// AppendEscaped appends what stands between the quotes. A string may be appended in pieces
// that end between two characters.
func AppendEscaped(dst []byte, s string) []byte {
	from := 0
	for i := plain(s); i < len(s); {
		c := s[i]
		if class[c]&(stops|high) == 0 {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if size := sequence(s[i:]); size > 0 {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		if c >= utf8.RuneSelf {
			dst = appendLatin1(dst, c)
		} else {
			dst = appendEscape(dst, c)
		}
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// plain is a number of bytes at the start of s that stand for themselves in a
// JSON string: all or nearly all, as a rule. It looks at eight bytes at a time,
// because scanning is most of the cost of a usual request.
func plain(s string) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		p := s[i : i+8]
		w := uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
		quote, slash := w^'"'*ones, w^'\\'*ones
		// The high bit of a byte is set where it was set before, and where the
		// subtraction borrows: below 0x20, and for the two at 0.
		if (w|(w-0x20*ones)|(quote-ones)|(slash-ones))&highs != 0 {
			break
		}
	}
	return i
}

// appendText appends s as UTF-8, with bytes that are not read as ISO-8859-1.
func appendText(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		if size := sequence(s[i:]); size > 0 {
			i += size
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendLatin1(dst, s[i])
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// textLen is how many bytes appendText appends.
func textLen(s string) int {
	n := len(s)
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		size := sequence(s[i:])
		if size == 0 {
			n++
			size = 1
		}
		i += size
	}
	return n
}

// appendURI appends s with everything but visible ASCII as %XX; quoted, it can
// stand inside a JSON string.
func appendURI(dst []byte, s string, quoted bool) []byte {
	mask := uint8(escaped)
	if quoted {
		mask |= stops
	}
	from := 0
	for i := range len(s) {
		c := s[i]
		if class[c]&mask == 0 {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		if class[c]&escaped != 0 {
			dst = append(dst, '%', hexUpper[c>>4], hexUpper[c&15])
		} else {
			dst = append(dst, '\\', c)
		}
	}
	return append(dst, s[from:]...)
}

// uriLen is how many bytes appendURI appends, not quoted.
func uriLen(s string) int {
	n := len(s)
	for i := range len(s) {
		if class[s[i]]&escaped != 0 {
			n += 2
		}
	}
	return n
}

// sequence is the length of the well-formed UTF-8 sequence at the start of s,
// 0 if there is none.
func sequence(s string) int {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size <= 1 {
		return 0
	}
	return size
}

// appendLatin1 appends the character whose ISO-8859-1 code is c, 0x80 or above.
func appendLatin1(dst []byte, c byte) []byte {
	return append(dst, 0xc0|c>>6, 0x80|c&0x3f)
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexLower[c>>4], hexLower[c&15])
}
