package httpctx

import (
	"errors"
	"strconv"
)

// ErrBadContext is what every [DecodeError] wraps: the worker answered with a
// context that is none.
var ErrBadContext = errors.New("bad response context")

// headLen is how much of a bad context an error keeps: enough to recognise a
// PHP warning or a stray echo.
const headLen = 64

// DecodeError says where and why the context of a response cannot be read.
type DecodeError struct {
	// Codec is "json", "proto" or "CGI".
	Codec string

	// Offset counts the bytes before the one that is wrong.
	Offset int

	// Reason is what is wrong with it.
	Reason string

	// Head is the first bytes of the context, 64 at most.
	Head string

	// Len is the length of the whole context in bytes.
	Len int
}

func newDecodeError(codec string, ctx []byte, offset int, reason string) *DecodeError {
	return &DecodeError{
		Codec: codec, Offset: offset, Reason: reason,
		Head: string(ctx[:min(len(ctx), headLen)]), Len: len(ctx),
	}
}

// Error names codec, offset and reason and quotes the head of the context.
func (e *DecodeError) Error() string {
	s := ErrBadContext.Error() + ": " + e.Codec + ": " + e.Reason + " at byte " + strconv.Itoa(e.Offset) +
		" of " + strconv.Itoa(e.Len)
	if e.Len == 0 {
		return s
	}
	s += ": " + strconv.Quote(e.Head)
	if e.Len > len(e.Head) {
		s += "..."
	}
	return s
}

// Unwrap returns ErrBadContext.
func (e *DecodeError) Unwrap() error { return ErrBadContext }
