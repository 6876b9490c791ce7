package form

import (
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the tree to dst as JSON, in order, and returns the extended
// buffer. The top level is always an object, so an empty tree is {}. Nested
// trees whose keys are 0, 1, 2 and so on are JSON arrays, all others objects:
// json_decode(…, true) turns "7" and "-7" back into integers and leaves "07" and
// numbers beyond 64 bits alone, just as PHP's form parser does. Bytes that are
// not UTF-8 are read as ISO-8859-1, so that names and values which differ go on
// doing so; the result is always valid JSON.
func (t *Tree) AppendJSON(dst []byte) []byte { return t.appendObject(dst) }

func (t *Tree) appendObject(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range t.entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, t.entries[i].key)
		dst = append(dst, ':')
		dst = t.entries[i].value.appendJSON(dst)
	}
	return append(dst, '}')
}

func (t *Tree) appendList(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range t.entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = t.entries[i].value.appendJSON(dst)
	}
	return append(dst, ']')
}

func (v value) appendJSON(dst []byte) []byte {
	switch {
	case v.raw:
		return append(dst, v.text...)
	case v.tree == nil:
		return appendString(dst, v.text)
	case v.tree.notList:
		return v.tree.appendObject(dst)
	default:
		return v.tree.appendList(dst)
	}
}

// file is the description of one upload that the worker gets.
type file struct {
	name, mime string
	size       int64
	err        int
	path       string
}

func (f file) appendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `{"name":`...), f.name)
	dst = appendString(append(dst, `,"mime":`...), f.mime)
	dst = strconv.AppendInt(append(dst, `,"size":`...), f.size, 10)
	dst = strconv.AppendInt(append(dst, `,"error":`...), int64(f.err), 10)
	dst = appendString(append(dst, `,"tmpName":`...), f.path)
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError {
				i += size
				continue
			}
		}
		dst = append(dst, s[done:i]...)
		switch {
		case c >= utf8.RuneSelf:
			dst = utf8.AppendRune(dst, rune(c))
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i += size
		done = i
	}
	return append(append(dst, s[done:]...), '"')
}
