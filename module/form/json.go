package form

import (
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// AppendJSON appends the tree to dst as JSON, in order, and returns the extended
// buffer. The top level is always an object, so an empty tree is {}. Nested
// trees whose keys are 0, 1, 2 and so on are JSON arrays, all others objects:
// json_decode(…, true) turns "7" and "-7" back into integers and leaves "07" and
// numbers beyond 64 bits alone, just as PHP's form parser does. Bytes that are
// not UTF-8 are read as ISO-8859-1, so that names and values which differ go on
// doing so; the result is always valid JSON, and up to six times as long as the form.
func (t *Tree) AppendJSON(dst []byte) []byte {
	e := encoder{dst: dst}
	e.object(t)
	return e.dst
}

// WriteJSON writes what AppendJSON appends, in pieces, and holds no more than one of
// them. Its error is that of w.
func (t *Tree) WriteJSON(w io.Writer) error {
	e := encoder{dst: make([]byte, 0, 2*pieceSize), w: w}
	e.object(t)
	e.flush()
	return e.err
}

// pieceSize is as much of a text, in bytes, as WriteJSON encodes at once.
const pieceSize = 8 << 10

// encoder makes JSON of a tree. With a writer dst is emptied into it piece by piece.
type encoder struct {
	dst []byte
	w   io.Writer
	err error // of w; nothing is written any more
}

func (e *encoder) flush() {
	if e.err == nil {
		_, e.err = e.w.Write(e.dst)
	}
	e.dst = e.dst[:0]
}

func (e *encoder) object(t *Tree) {
	e.dst = append(e.dst, '{')
	for i := range t.entries {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		e.text(t.entries[i].key)
		e.dst = append(e.dst, ':')
		e.value(t.entries[i].value)
	}
	e.dst = append(e.dst, '}')
}

func (e *encoder) list(t *Tree) {
	e.dst = append(e.dst, '[')
	for i := range t.entries {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		e.value(t.entries[i].value)
	}
	e.dst = append(e.dst, ']')
}

func (e *encoder) value(v value) {
	switch {
	case v.spilled != nil:
		e.spilled(v.spilled)
	case v.raw:
		e.dst = append(e.dst, v.text...)
	case v.tree == nil:
		e.text(v.text)
	case v.tree.notList:
		e.object(v.tree)
	default:
		e.list(v.tree)
	}
	if e.w != nil && len(e.dst) >= pieceSize {
		e.flush()
	}
}

// text encodes s as a JSON string, with a writer in pieces that end between two
// characters.
func (e *encoder) text(s string) {
	e.dst = append(e.dst, '"')
	for e.w != nil && len(s) > pieceSize {
		end := wholeRunes(s, pieceSize)
		e.dst = httpctx.AppendEscaped(e.dst, s[:end])
		e.flush()
		s = s[end:]
	}
	e.dst = append(httpctx.AppendEscaped(e.dst, s), '"')
}

// wholeRunes is where s, which is longer, can be cut, at n or up to three bytes before: no
// character lies across.
func wholeRunes(s string, n int) int {
	for i := n; i > n-utf8.UTFMax; i-- { // none that begins before reaches to n
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n
}

// file is the description of one upload that the worker gets.
type file struct {
	name, mime string
	size       int64
	err        int
	path       string
}

func (f file) appendJSON(dst []byte) []byte {
	dst = httpctx.AppendString(append(dst, `{"name":`...), f.name)
	dst = httpctx.AppendString(append(dst, `,"mime":`...), f.mime)
	dst = strconv.AppendInt(append(dst, `,"size":`...), f.size, 10)
	dst = strconv.AppendInt(append(dst, `,"error":`...), int64(f.err), 10)
	dst = httpctx.AppendString(append(dst, `,"tmpName":`...), f.path)
	return append(dst, '}')
}
