package exchange

import (
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// Turn is a request's time at a worker, from its first answer frame on; *workerpool.Turn is
// one.
type Turn interface {
	// Open reports whether the worker is still held: more frames, or the rest of one, follow.
	Open() bool
	// Next reads the next frame of a stream, NextHead one that has a context. io.EOF: there is
	// none.
	Next() error
	NextHead() error
	// Cancel asks the worker to end the stream. It is safe for concurrent use.
	Cancel()
	// Cut reports whether Cancel may have ended what Next says is whole.
	Cut() bool
	// Close ends the turn.
	Close()
}

// Answer is a worker's answer. It is for one goroutine.
type Answer struct {
	Turn
	// Frame is the current frame, which Next and NextHead replace.
	Frame *goridge.Frame
	// PID is the worker's.
	PID int
	// Executed is the time from the worker's getting the request to the first frame.
	Executed time.Duration
}

// bodySize is the size of the current frame's part of the body.
func (a Answer) bodySize() int64 { return int64(len(a.Frame.Body())) + a.Frame.Rest() }

// hasBody reports whether there is, or may come, anything of a body.
func (a Answer) hasBody() bool { return a.Open() || len(a.Frame.Body()) > 0 }
