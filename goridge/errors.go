package goridge

import (
	"errors"
	"fmt"
)

var (
	// ErrBadFrame means that the bytes are not a frame, or a frame that
	// contradicts itself. It comes inside a FrameError.
	ErrBadFrame = errors.New("not a goridge frame")

	// ErrFrameTooLarge means that a payload is longer than Options.MaxFrame
	// or than this machine can address. It comes inside a FrameError.
	ErrFrameTooLarge = errors.New("frame too large")

	// ErrClosed means that Close was called on this side. The end of the peer
	// is io.EOF between two frames and io.ErrUnexpectedEOF inside of one.
	ErrClosed = errors.New("connection closed")

	// ErrNotDrained means that ReadFrame was called before the previous frame
	// was read to its end, see Frame.Rest. Reading can go on afterwards.
	ErrNotDrained = errors.New("previous frame not read to its end")

	// ErrShortBody means that a body given to WriteBody ended, or failed,
	// before the announced length: the fault is the source's, not the peer's.
	ErrShortBody = errors.New("body ended early")

	// ErrBroken means that an earlier write stopped in the middle of a frame,
	// so that nothing further can be said to the peer.
	ErrBroken = errors.New("connection broken by an incomplete write")

	// ErrBadControl means that a frame is not the control message it should be.
	ErrBadControl = errors.New("unexpected control message")
)

// previewSize is how many bytes a FrameError shows at most.
const previewSize = 256

// FrameError says why bytes that arrived were refused. The stream cannot be
// read any further.
type FrameError struct {
	Op      string // what was refused
	Preview []byte // the first bytes that were refused, at most 256 of them
	Err     error  // ErrBadFrame or ErrFrameTooLarge
}

// Error quotes the preview: a worker that could not start has usually printed
// the reason.
func (e *FrameError) Error() string {
	return fmt.Sprintf("%s: %v, the peer sent %q", e.Op, e.Err, e.Preview)
}

// Unwrap returns Err.
func (e *FrameError) Unwrap() error { return e.Err }

// WriteError is what every failed write returns.
type WriteError struct {
	Op   string
	Sent int64 // bytes of this write that the peer may have received
	Err  error
}

// Error tells the reason, and how far the write came when it began at all.
func (e *WriteError) Error() string {
	if e.Sent == 0 {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s: after %d bytes: %v", e.Op, e.Sent, e.Err)
}

// Unwrap returns Err.
func (e *WriteError) Unwrap() error { return e.Err }

// SafeToRetry reports whether the same frame may be sent to another peer,
// because not one byte of it reached this one.
func (e *WriteError) SafeToRetry() bool { return e.Sent == 0 }
