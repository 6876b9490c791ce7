package fastcgi

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// A large body is sent while the answer is read: PHP may print more than the connection holds before it has
// read all, and then each would wait for the other.

// bodyPatience is how long the end of a body is waited for when PHP has answered: PHP reads what is left of
// it before it ends its answer, unless the application has called fastcgi_finish_request.
const bodyPatience = time.Second

// errBodyLeft is the end of a conversation of which a body is left over. Its process is replaced.
var errBodyLeft = fmt.Errorf("%w: PHP has answered without having read the body", link.ErrCanceled)

// sending is a body under way.
type sending struct {
	done  chan struct{} // closed when nothing is read of the body any more
	short error         // read after done; not nil: the body ended early
}

// pieces are buffers for one full record and the end of the body.
var pieces = sync.Pool{New: func() any { return new([headerSize + maxContent + headerSize]byte) }}

// send sends size bytes of body, and their end.
func send(sock *socket, body io.Reader, size int64) *sending {
	s := &sending{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if s.short = s.run(sock, body, size); s.short != nil {
			sock.shut(true) // PHP would wait for the rest in vain, and so would who reads the answer
		}
	}()
	return s
}

func (s *sending) run(sock *socket, body io.Reader, size int64) (short error) {
	piece := pieces.Get().(*[headerSize + maxContent + headerSize]byte)
	defer pieces.Put(piece)
	for left := size; left > 0; {
		n := int(min(left, maxContent&^7))
		text := appendHeader(piece[:0], typeStdin, n)[:headerSize+n]
		if m, err := io.ReadFull(body, text[headerSize:]); err != nil {
			return shortBody(size-left+int64(m), size, err)
		}
		if left -= int64(n); left == 0 {
			text = appendHeader(text, typeStdin, 0)
		}
		if _, err := sock.write(text); err != nil {
			return nil // who reads the answer finds that out
		}
	}
	return nil
}

// endsWithin waits for the end of the body.
func (s *sending) endsWithin(patience time.Duration) bool {
	select {
	case <-s.done:
		return true
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.done:
		return true
	case <-timer.C:
		return false
	}
}

// endBody ends the sending of a body, where there is one, and returns an error where that has ended early.
func (l *Link) endBody() error {
	s := l.body
	if s == nil {
		return nil
	}
	select {
	case <-s.done:
	default:
		l.sock.writeDeadline(time.Now())
		<-s.done
	}
	l.body = nil
	return s.short
}

// shortBody is the error of a body that ended early.
func shortBody(have, size int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %d of %d bytes", goridge.ErrShortBody, have, size)
	} else {
		err = fmt.Errorf("%w: %d of %d bytes: %w", goridge.ErrShortBody, have, size, err)
	}
	return &goridge.WriteError{Op: "reading the body of a request", Sent: have, Err: err}
}
