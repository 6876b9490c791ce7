//go:build !race

package link

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// What is dropped may be long, and its reading interrupted.
func TestAnInterruptionWithinWhatIsDropped(t *testing.T) {
	l, w := pair(t, false)
	sent(t, l, "front")
	l.Ahead(asking("behind"))
	l.Flush()
	l.Leave()
	hears(t, w)
	says(t, w, 0, 0, "answer")
	gets(t, l)
	tellsPID(t, w, pid)
	hears(t, w)
	text := strings.Repeat("x", 3000)
	h := goridge.Header{Flags: goridge.CodecJSON, NumOptions: 1, PayloadLen: uint32(len(text))}
	whole := append(goridge.AppendHeader(nil, &h), text...)
	if _, err := w.Write(whole[:2000]); err != nil {
		t.Fatal(err)
	}
	l.WaitAtMost(50 * time.Millisecond)
	if err := l.CatchUp(0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	l.ClearInterrupt()
	if _, err := w.Write(whole[2000:]); err != nil {
		t.Fatal(err)
	}
	tellsPID(t, w, pid)
	if err := l.CatchUp(0); err != nil || !l.Ready() {
		t.Errorf("%v; ready: %v", err, l.Ready())
	}
}

// Behind the spare pid reply something may lie that nobody has asked for.
func TestWhatLiesBehindTheSpareReplyIsFoundOutBeforeTheNextRequest(t *testing.T) {
	for name, look := range map[string]func(l *Link) error{
		"by looking": (*Link).Look,
		"by sending": func(l *Link) error {
			_, err := l.Send(asking("the next"), nil, 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, w := pair(t, false)
			sent(t, l, "stream")
			hears(t, w)
			says(t, w, 0, goridge.StreamMore, "chunk")
			says(t, w, 0, 0, "end")
			gets(t, l)
			both := goridge.AppendControlPID(goridge.AppendControlPID(nil, pid), pid) // to the frames behind the request and the stream
			h := goridge.Header{Flags: goridge.CodecJSON, NumOptions: 1, PayloadLen: 5}
			if _, err := w.Write(append(goridge.AppendHeader(both, &h), "stray"...)); err != nil {
				t.Fatal(err)
			}
			if err := l.CatchUp(0); err != nil || !l.MayAsk() {
				t.Fatalf("settled: %v", err)
			}
			if err := look(l); !errors.Is(err, ErrUnasked) {
				t.Errorf("got %v", err)
			}
		})
	}
}
