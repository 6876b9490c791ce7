//go:build linux

package fastcgi

import (
	"io"
	"os"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// heard is what a conversation makes of what PHP sends, in pieces of so many bytes.
func heard(t *testing.T, text []byte, piece int) (head, body string, err error) {
	l := newLink(nil, Options{MaxInMemory: 1 << 20})
	l.pid, l.machine = os.Getpid(), Machine{pid: os.Getpid()}
	l.machine.Ask()
	defer l.answer.reset()
	for len(text) > 0 {
		err := l.receive(func(p []byte) (int, int, error) {
			n := copy(p, text[:min(piece, len(text))])
			if n == 0 {
				t.Fatal("there is no room to go on")
			}
			text = text[n:]
			return n, l.pid, nil
		})
		if err == nil {
			err = l.judge()
		}
		if err != nil {
			return "", "", err
		}
	}
	if l.machine.Phase() != Whole {
		return "", "", io.EOF
	}
	var f goridge.Frame
	l.pass(&f, false)
	defer f.Release()
	return string(f.Context()), string(f.Body()), nil
}

func FuzzWhatPHPSendsMeansTheSameInAnyPieces(f *testing.F) {
	f.Add(join(record(typeStderr, "a message"), stdout("A: b\r\n\r\nhello"), end()), 1)
	f.Add(join(stdout("A: b\r\n"), stdout("\r\n"), stdout("hello"), end(), stdout("late")), 3)
	f.Add(join(stdout("\r\nno headers"), end()), 8)
	f.Add([]byte("HTTP/1.1 200 OK\r\n"), 5)
	f.Add(join(stdout("A: b\r\n\r\n"), stdout(string(make([]byte, 60_000))), end()), 20_000)
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		if piece = piece&0xffff | 1; len(text) > 1<<20 {
			return
		}
		head, body, err := heard(t, text, 1<<20)
		h, b, e := heard(t, text, piece)
		// In which order two mistakes are found may differ.
		if h != head || b != body || (e == nil) != (err == nil) {
			t.Errorf("whole: %q, %q, %v; in pieces of %d: %q, %q, %v", head, body, err, piece, h, b, e)
		}
	})
}
