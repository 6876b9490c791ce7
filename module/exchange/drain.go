package exchange

import (
	"errors"
	"net/http"
	"time"
)

// A refused body is drained until the client pauses for drainIdle, and for drainTotal at
// most.
const (
	drainIdle  = 500 * time.Millisecond
	drainTotal = 10 * time.Second
)

// Drain deals with what is left of a body that was refused, before the error
// of [Read] is sent. An HTTP/1 client that still sends when we close gets its connection
// reset, and loses the answer; one that sends slowly, or has stopped, must not
// delay the answer for ever, as net/http would, which reads 256 KB first. So what
// comes is read and dropped within the bounds above. A client that waits to be
// asked for its body is not asked: it sends nothing.
func Drain(w http.ResponseWriter, r *http.Request, refused error) {
	if r.ProtoMajor != 1 || r.ContentLength == 0 {
		return
	}
	if _, unread := errors.AsType[unreadError](refused); !unread || r.Header.Get("Expect") == "" {
		drain(w, r)
	}
	w.Header().Set("Connection", "close")
}

// DrainUnread is Drain for a request that is refused before [Read], whatever its body is.
func DrainUnread(w http.ResponseWriter, r *http.Request) { Drain(w, r, unreadError{errRefused}) }

var errRefused = errors.New("the request is refused")

// drain reads the body until its end, an error, or the bounds. A body that Caddy
// bounds more tightly stays so.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil {
		return
	}
	control := http.NewResponseController(w)
	end := time.Now().Add(drainTotal)
	var buf [16 << 10]byte
	for {
		now := time.Now()
		deadline := now.Add(drainIdle)
		if deadline.After(end) {
			deadline = end
		}
		if !now.Before(end) || control.SetReadDeadline(deadline) != nil {
			return // without a deadline it could last for ever
		}
		if _, err := r.Body.Read(buf[:]); err != nil {
			return
		}
	}
}
