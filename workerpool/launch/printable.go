package launch

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Printable is s as it may stand in a log or on a terminal: control characters, which
// could paint over it, or begin a new line of the log, are written as \x1b, and bytes that are not
// UTF-8 likewise. A tab, and what keep has, stay.
func Printable(s, keep string) string {
	clean := func(r rune, size int) bool {
		switch {
		case r == utf8.RuneError && size < 2:
			return false
		case r == '\t' || r >= ' ' && r < 0x7f || r > 0x9f && r != '\u2028' && r != '\u2029':
			return true
		}
		return strings.ContainsRune(keep, r)
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if clean(r, size) {
			i += size
			continue
		}
		var b strings.Builder
		b.WriteString(s[:i])
		for i < len(s) {
			r, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case clean(r, size):
				b.WriteString(s[i : i+size])
			case r == utf8.RuneError || r < utf8.RuneSelf:
				fmt.Fprintf(&b, `\x%02x`, s[i])
			default:
				fmt.Fprintf(&b, `\u%04x`, r)
			}
			i += size
		}
		return b.String()
	}
	return s
}
