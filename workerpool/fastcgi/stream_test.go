//go:build linux

package fastcgi

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

func isDeadline(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// ledger is a budget that a test looks into.
type ledger struct {
	held  atomic.Int64
	limit int64
}

func (l *ledger) Take(n int64) bool {
	if l.held.Load()+n > l.limit {
		return false
	}
	l.held.Add(n)
	return true
}

func (l *ledger) Book(n int64) { l.held.Add(n) }

func TestWhatPHPHasPrintedIsPassedOnWhenItPauses(t *testing.T) {
	l, p := pair(t, Options{})
	ask(t, l)
	p.write(stdout("A: b\r\n\r\n"))
	answers(t, l, "A: b", "", true)
	p.write(stdout("one"))
	answers(t, l, "", "one", true)
	p.write(join(stdout("two"), stdout(" and a half")))
	answers(t, l, "", "two and a half", true)
	p.write(end())
	answers(t, l, "", "", false)
	l.Finish(false)
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

func TestEventsArePassedOnAtOnce(t *testing.T) {
	for _, head := range []string{"Content-Type: text/event-stream", "content-type:text/event-stream; charset=utf-8", "X-Accel-Buffering: no", "A: b\r\nx-accel-buffering:No"} {
		l, p := pair(t, Options{})
		ask(t, l)
		p.write(stdout(head + "\r\n\r\ndata: 1\n\n"))
		answers(t, l, head, "data: 1\n\n", true)
		if !l.answer.atOnce {
			t.Errorf("%q: it would wait for more", head)
		}
	}
	if passesAtOnce([]byte("Content-Type: text/html\r\nX-Accel-Buffering: yes\r\n\r\n")) {
		t.Error("so would any other answer")
	}
}

func TestALargeAnswerIsPassedOnInParts(t *testing.T) {
	budgets := map[string]*ledger{"larger than what is kept": nil, "no memory is left": {limit: 100_000}}
	for name, b := range budgets {
		t.Run(name, func(t *testing.T) {
			o := Options{MaxInMemory: 1_000_000}
			if b != nil {
				o.Budget = b
			}
			l, p := pair(t, o)
			ask(t, l)
			want := strings.Repeat("0123456789", 300_000)
			go func() {
				p.write(stdout("A: b\r\n\r\n"))
				for rest := want; rest != ""; {
					n := min(len(rest), 65_528)
					p.write(stdout(rest[:n]))
					rest = rest[n:]
				}
				p.write(end())
			}()
			var got strings.Builder
			frames, more := 0, true
			for more {
				var f goridge.Frame
				if err := l.Answer(&f); err != nil {
					t.Fatal(err)
				}
				if head := string(f.Context()); (head == "A: b") != (frames == 0) {
					t.Fatalf("frame %d has the head %q", frames, head)
				}
				if b != nil && frames == 0 && !f.Crowded() {
					t.Error("nobody is told that there is no memory")
				}
				if b == nil && len(f.Body()) > 1_100_000 {
					t.Errorf("a part of %d bytes", len(f.Body()))
				}
				got.Write(f.Body())
				more = f.More()
				f.Release()
				frames++
			}
			if got.String() != want || frames < 2 {
				t.Errorf("%d bytes came in %d frames", got.Len(), frames)
			}
			if b != nil && b.held.Load() != 0 {
				t.Errorf("%d bytes are still booked", b.held.Load())
			}
		})
	}
}

// Who passes the head on says whether there is memory for it: here it would cost the process.
func TestAHeadIsReadWholeWhereNoMemoryIsLeft(t *testing.T) {
	b := &ledger{limit: 20_000}
	l, p := pair(t, Options{Budget: b})
	ask(t, l)
	head := strings.Repeat("A: "+strings.Repeat("a", 60_000)+"\r\n", 5)
	go func() {
		for rest := head + "\r\nthe body"; rest != ""; {
			n := min(len(rest), 50_000)
			p.write(stdout(rest[:n]))
			rest = rest[n:]
		}
		p.write(end())
	}()
	var f goridge.Frame
	if err := l.Answer(&f); err != nil || string(f.Context()) != strings.TrimSuffix(head, "\r\n") {
		t.Fatalf("%v, a head of %d bytes", err, len(f.Context()))
	}
	if held := b.held.Load(); held < int64(len(head)) {
		t.Errorf("%d bytes are booked for a head of %d", held, len(head))
	}
	got := string(f.Body())
	for more := f.More(); more; {
		var body string
		_, body, more = next(t, l)
		got += body
	}
	if got != "the body" {
		t.Errorf("the body is %q", got)
	}
	f.Release()
	l.Finish(false)
	if b.held.Load() != 0 || l.Err() != nil {
		t.Errorf("%d bytes are still booked, %v", b.held.Load(), l.Err())
	}
}

func TestWhoCancelsAStreamEndsTheConversation(t *testing.T) {
	softened := 0
	l, p := pair(t, Options{Soften: func() { softened++ }})
	ask(t, l)
	p.write(stdout("A: b\r\n\r\nhi"))
	answers(t, l, "A: b", "hi", true)
	l.Stop()
	if err := l.Answer(new(goridge.Frame)); err != link.ErrCanceled || softened != 1 {
		t.Errorf("%v; PHP was told %d times", err, softened)
	}
	if _, err := p.conn.Write(stdout("more")); err == nil {
		t.Error("PHP does not notice")
	}
}

func TestAStreamThatEndsAsItIsCanceled(t *testing.T) {
	l, p := pair(t, Options{})
	ask(t, l)
	p.write(stdout("A: b\r\n\r\nhi"))
	answers(t, l, "A: b", "hi", true)
	p.write(end())
	l.Stop()
	answers(t, l, "", "", false)
	l.Finish(true)
	if l.Err() != link.ErrCanceled {
		t.Errorf("got %v", l.Err())
	}
}

func TestABodyComesWholeWhateverItsSize(t *testing.T) {
	for _, size := range []int{1, 1000, maxContent, maxContent + 1, 3_000_000} {
		l, p := pair(t, Options{})
		p.readOpening()
		want := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		got := make(chan string, 1)
		go func() {
			got <- p.readRequest()
			p.write(join(stdout("\r\nok"), end()))
		}()
		if _, err := l.Send(request(t), strings.NewReader(want), int64(size)); err != nil {
			t.Fatal(err)
		}
		answers(t, l, "", "ok", false)
		if body := <-got; body != want {
			t.Errorf("of %d bytes %d came", size, len(body))
		}
		l.Finish(false)
		p.readOpening()
		if err := l.CatchUp(0); err != nil || !l.Ready() {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
}

func TestPHPMayAnswerBeforeItHasReadTheBody(t *testing.T) {
	l, p := pair(t, Options{MaxInMemory: 64 << 20})
	p.readOpening()
	size := 5_000_000
	answer := strings.Repeat("x", 5_000_000)
	go func() {
		p.write(stdout("\r\n"))
		for rest := answer; rest != ""; { // more than the connection holds
			n := min(len(rest), 65_528)
			p.write(stdout(rest[:n]))
			rest = rest[n:]
		}
		p.readRequest()
		p.write(end())
	}()
	if _, err := l.Send(request(t), strings.NewReader(strings.Repeat("b", size)), int64(size)); err != nil {
		t.Fatal(err)
	}
	n, more := 0, true
	for more {
		var body string
		_, body, more = next(t, l)
		n += len(body)
	}
	if n != len(answer) {
		t.Errorf("%d bytes came", n)
	}
	l.Finish(false)
	p.readOpening()
	if err := l.CatchUp(0); err != nil || !l.Ready() {
		t.Fatal(err)
	}
}

// failing is a body that fails after some bytes.
type failing struct{ left int }

func (f *failing) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.ErrClosedPipe
	}
	n := min(len(p), f.left)
	f.left -= n
	return n, nil
}

func TestABodyThatFailsIsNotPHPsFault(t *testing.T) {
	for _, size := range []int64{100, 1_000_000} {
		l, p := pair(t, Options{})
		go func() { _, _ = io.Copy(io.Discard, p.conn) }() // and it waits for the rest
		_, err := l.Send(request(t), &failing{50}, size)
		if err == nil {
			err = l.Answer(new(goridge.Frame))
		}
		if !errors.Is(err, goridge.ErrShortBody) || !errors.Is(err, io.ErrClosedPipe) || l.MayAsk() {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestNothingOfABodyIsReadWhenItHasBeenGivenUp(t *testing.T) {
	l, _ := pair(t, Options{})
	body := strings.NewReader(strings.Repeat("b", 10_000_000))
	if _, err := l.Send(request(t), body, 10_000_000); err != nil {
		t.Fatal(err)
	}
	l.GiveUp()
	left := body.Len()
	if left == 0 {
		t.Fatal("all has been sent, so the test proves nothing")
	}
	l.Close()
	if body.Len() != left {
		t.Error("it was read on")
	}
}

func TestABrokenConversationWaitsForNothing(t *testing.T) {
	l, p := pair(t, Options{})
	ask(t, l)
	p.write(stdout("A: b\r\n\r\nhi")) // so that it waits for a pause
	l.Break()
	if err := l.Answer(new(goridge.Frame)); !isDeadline(err) {
		t.Errorf("got %v", err)
	}
	if l.answer.gathered.Len() != 0 {
		t.Error("what had come is still in memory")
	}
}
