package workerpool

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// numbers is what a stream of n chunks says.
func numbers(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "%d ", i)
	}
	fmt.Fprint(&b, n)
	return b.String()
}

// open sends a request whose answer is a stream.
func open(t *testing.T, p *Pool, steps string) *Turn {
	t.Helper()
	turn, err := p.Exec(t.Context(), script(steps))
	if err != nil {
		t.Fatal(err)
	}
	if !turn.Open() {
		t.Fatal("the answer is over after its first frame")
	}
	return turn
}

func TestAStreamComesChunkByChunkAndItsWorkerGoesOn(t *testing.T) {
	for _, relay := range []Relay{RelayAuto, RelayStdio, RelayUnix} {
		t.Run(string(relay), func(t *testing.T) {
			c := self(1)
			c.Relay = relay
			p := start(t, c)
			pid := ask(t, p, "pid")
			for _, n := range []int{2, 5, 6, 100} {
				if got := ask(t, p, fmt.Sprint("chunks ", n)); got != numbers(n) {
					t.Errorf("a stream of %d chunks arrived as %q", n, got)
				}
				if got := ask(t, p, "pid"); got != pid {
					t.Errorf("worker %s was replaced by %s after a stream", pid, got)
				}
			}
		})
	}
}

func TestANewFrameOfAStreamIsThereBeforeTheNextOneIsSent(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	turn := open(t, p, "chunk one; visit "+g.path+"; answer two")
	if got := string(turn.Frame.Body()); got != "one" {
		t.Errorf("the first chunk is %q", got)
	}
	v := g.next(t)
	if s := p.Stats().Workers[0]; s.State != StateBusy || s.Busy <= 0 {
		t.Errorf("a streaming worker is %s, for %s", s.State, s.Busy)
	}
	v.release()
	if err := turn.Next(); err != nil || string(turn.Frame.Body()) != "two" {
		t.Errorf("then %q, %v", turn.Frame.Body(), err)
	}
	if err := turn.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	turn.Close()
}

func TestACanceledStreamStopsAndItsWorkerGoesOn(t *testing.T) {
	p := start(t, self(1))
	pid := ask(t, p, "pid")
	for range 20 {
		turn := open(t, p, "flood")
		turn.Cancel()
		turn.Cancel()
		last := ""
		for turn.Next() == nil {
			last = string(turn.Frame.Body())
		}
		if last != "stopped" {
			t.Errorf("the stream ended with %q", last)
		}
		turn.Close()
	}
	if got := ask(t, p, "pid"); got != pid {
		t.Errorf("worker %s was replaced by %s", pid, got)
	}
}

func TestAStreamClosedInTheMiddleFreesItsWorker(t *testing.T) {
	p := start(t, self(1))
	pid := ask(t, p, "pid")
	for range 20 {
		turn := open(t, p, "flood")
		if err := turn.Next(); err != nil {
			t.Fatal(err)
		}
		turn.Close()
		turn.Close()
		turn.Cancel()
	}
	if got := ask(t, p, "pid"); got != pid {
		t.Errorf("worker %s was replaced by %s", pid, got)
	}
}

func TestAWorkerThatIgnoresTheEndOfItsStreamIsKilled(t *testing.T) {
	c := self(1)
	c.StopTimeout = 50 * time.Millisecond
	p, g := start(t, c), newGate(t)
	turn := open(t, p, "chunk one; ignore term; visit "+g.path)
	v := g.next(t)
	turn.Close()
	v.dies(t, patience)
	if got := ask(t, p, "answer", "next"); got != "next" {
		t.Errorf("got %q", got)
	}
	booked(t, p, 1, ReasonTimeout)
}

func TestACancelNeverReachesTheNextStream(t *testing.T) {
	p := start(t, self(1))
	for range 300 {
		turn := open(t, p, "chunk one; answer two")
		var wg sync.WaitGroup
		wg.Go(turn.Cancel)
		whole(t, turn)
		if got := ask(t, p, "chunks 12"); got != numbers(12) {
			t.Fatalf("the next stream ended early: %q", got)
		}
		wg.Wait()
	}
}

func TestASilentStreamIsEnded(t *testing.T) {
	c := self(1)
	c.StreamIdleTimeout = 50 * time.Millisecond
	p, g := start(t, c), newGate(t)
	turn := open(t, p, "chunk one; fork "+g.path+"; visit "+g.path) // the worker obeys SIGTERM, the other does not
	one, other := g.next(t), g.next(t)
	err := turn.Next()
	lost := as[*WorkerError](t, err)
	if !errors.Is(err, ErrStreamIdle) || lost.Unread {
		t.Errorf("got %v, unread %v; want ErrStreamIdle", err, lost.Unread)
	}
	one.dies(t, patience)
	other.dies(t, patience)
	if err := turn.Next(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	turn.Close()
	if got := ask(t, p, "answer", "next"); got != "next" {
		t.Errorf("got %q", got)
	}
}

func TestAStreamThatBreaksOffTellsSo(t *testing.T) {
	p := start(t, self(1))
	turn := open(t, p, "chunk one; moan it breaks; exit 4")
	lost := as[*WorkerError](t, turn.Next())
	if lost.Exit != "exit status 4" || fmt.Sprint(lost.Output) != "[it breaks]" {
		t.Errorf("exit %q, output %q", lost.Exit, lost.Output)
	}
	turn.Close()

	turn = open(t, p, "chunk one; error half way")
	if soft := as[*SoftError](t, turn.Next()); soft.Text != "half way" {
		t.Errorf("the error says %q", soft.Text)
	}
	turn.Close()
	if got := ask(t, p, "answer", "fine"); got != "fine" {
		t.Errorf("got %q after an error within a stream", got)
	}
}

func TestALargeAnswerIsReadBitByBit(t *testing.T) {
	c := self(1)
	c.MaxInMemory = 10_000
	p := start(t, c)
	pid := ask(t, p, "pid")
	for _, size := range []int{9_996, 20_000, 3_000_000} {
		turn, err := p.Exec(t.Context(), script(fmt.Sprint("big ", size)))
		if err != nil {
			t.Fatal(err)
		}
		if large := size+len("head") > 10_000; turn.Open() != large {
			t.Errorf("%d bytes: open %v", size, turn.Open())
		}
		if got := len(whole(t, turn)); got != size {
			t.Errorf("%d of %d bytes came", got, size)
		}
	}
	// One that nobody wants is drained.
	turn, err := p.Exec(t.Context(), script("big 3000000"))
	if err != nil {
		t.Fatal(err)
	}
	turn.Close()
	if got := ask(t, p, "pid"); got != pid {
		t.Errorf("worker %s was replaced by %s", pid, got)
	}
}
