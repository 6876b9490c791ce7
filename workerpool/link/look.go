package link

import (
	"io"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// What can be seen from outside of the relay without reading it.

// NeverRead says that the worker has certainly not read a byte of the front request: it and all
// behind it still lie in the pipe. Only of a worker that has ended it stays true.
func (l *Link) NeverRead() bool {
	sent := l.unread()
	return sent > 0 && l.InPipe() >= sent
}

// InPipe is how many bytes lie in the pipe that the worker reads; 0 where that cannot be told.
func (l *Link) InPipe() int {
	if l.offer == nil || l.offer.requests == nil {
		return 0
	}
	return pipeLevel(l.offer.requests)
}

// Waiting is how many bytes of what the worker wrote lie in its relay; 0 where that cannot be
// told.
func (l *Link) Waiting() int {
	if l.offer == nil || l.offer.answers == nil {
		return 0
	}
	return pipeLevel(l.offer.answers)
}

// FlushText ends a line that the worker printed and that will not come to its end. It is
// for the goroutine that reads the relay.
func (l *Link) FlushText() {
	if l.offer != nil && l.offer.text != nil {
		l.offer.text.Flush()
	}
}

// Drain logs what a worker that has ended printed between its frames.
func (l *Link) Drain() {
	for {
		var f goridge.Frame
		if ok, err := l.conn.TryReadFrame(&f); err != nil || !ok {
			break
		}
		_, _ = io.Copy(io.Discard, &f)
		f.Release()
	}
	l.FlushText()
}

// PID is the process that asked for its first request: that of PHP, also behind a wrapper.
func (l *Link) PID() int { return l.pid }
