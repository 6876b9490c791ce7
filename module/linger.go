package module

import (
	"errors"
	"net/http"
	"time"
)

// A refused body is read on for so long: until nothing comes for lingerIdle, and
// for lingerTotal at most.
const (
	lingerIdle  = 500 * time.Millisecond
	lingerTotal = 10 * time.Second
)

// leaveBody deals with what is left of a body that was refused, before the error
// is sent. An HTTP/1 client that still sends when we close gets its connection
// reset, and loses the answer; one that sends slowly, or has stopped, must not
// delay the answer for ever, as net/http would, which reads 256 KB first. So what
// comes is read and dropped within the bounds above. A client that waits to be
// asked for its body is not asked: it sends nothing.
func leaveBody(w http.ResponseWriter, r *http.Request, refused error) {
	if r.ProtoMajor != 1 || r.ContentLength == 0 {
		return
	}
	if _, unread := errors.AsType[beforeBody](refused); !unread || r.Header.Get("Expect") == "" {
		drop(w, r)
	}
	w.Header().Set("Connection", "close")
}

// drop reads the body until its end, an error, or the bounds. A body that Caddy
// bounds more tightly stays so.
func drop(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil {
		return
	}
	control := http.NewResponseController(w)
	end := time.Now().Add(lingerTotal)
	var buf [16 << 10]byte
	for {
		now := time.Now()
		deadline := now.Add(lingerIdle)
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
