package workerpool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// inPipe waits until a request lies in the pipe of the pool's only worker.
func inPipe(t *testing.T, p *Pool) {
	t.Helper()
	eventually(t, "the request is written", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for w := range p.workers {
			if w.state() == StateBusy {
				return bytesInPipe(w) > probeSize
			}
		}
		return false
	})
}

func TestARequestThatNoWorkerReadIsRepeatedWhateverItsMethod(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	old := ask(t, p, "pid; then visit "+g.path+"; then exit 7")
	v := g.next(t) // settled, and reads no more
	r := send(p, t.Context(), script("pid"))
	inPipe(t, p)
	v.release()

	got := receive(t, r)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.turn.Retries != 1 {
		t.Errorf("%d retries; want 1", got.turn.Retries)
	}
	if pid := got.body(t); pid == old {
		t.Errorf("worker %s answered, which has ended", pid)
	}
}

func TestARequestBehindUnfinishedWorkIsRepeatedWhenThatWorkEndsTheWorker(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	for range 5 {
		ask(t, p, "answer; visit "+g.path+"; exit 7")
		r := send(p, t.Context(), script("answer", "again"))
		g.next(t).release()
		if got := receive(t, r).body(t); got != "again" {
			t.Errorf("got %q", got)
		}
	}
}

func TestARepeatableRequestIsRepeatedOnceAndAnotherIsNot(t *testing.T) {
	for want, repeatable := range map[int]bool{2: true, 1: false} {
		t.Run(fmt.Sprint("repeatable ", repeatable), func(t *testing.T) {
			p, g := start(t, self(3)), newGate(t)
			req := script("call " + g.path + "; exit 3")
			req.Repeatable = repeatable
			_, err := p.Exec(t.Context(), req)
			lost := as[*WorkerError](t, err)
			if lost.Unread || lost.Exit != "exit status 3" {
				t.Errorf("unread %v, exit %q; want a request that was read, and exit status 3", lost.Unread, lost.Exit)
			}
			for range want {
				g.next(t)
			}
			g.none(t)
		})
	}
}

// The application may set a limit of its own, with set_time_limit.
func TestARequestWhoseTimePHPItselfHasEndedIsNotRepeated(t *testing.T) {
	p, g := start(t, self(2)), newGate(t)
	req := script("call " + g.path + "; moan PHP Fatal error:  Maximum execution time of 1 second exceeded in /srv/app.php on line 7; exit 255")
	req.Repeatable = true
	_, err := p.Exec(t.Context(), req)
	if lost := as[*WorkerError](t, err); lost.Unread || lost.Exit != "exit status 255" {
		t.Errorf("unread %v, exit %q; want a request that was read, and exit status 255", lost.Unread, lost.Exit)
	}
	g.next(t)
	g.none(t)
}

// A request that is killed because it takes too long would stick the next worker as well.
func TestARequestThatWasKilledIsNotRepeated(t *testing.T) {
	for name, kill := range map[string]func(*Pool, *visitor) error{
		"by hand": func(p *Pool, v *visitor) error { return p.Retire(v.pid, true) },
		"at the end of its time to drain": func(p *Pool, v *visitor) error {
			p.mu.Lock()
			p.config.DrainTimeout = time.Millisecond
			p.mu.Unlock()
			return p.Retire(v.pid, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, g := start(t, self(2)), newGate(t)
			r := send(p, t.Context(), repeatable("visit "+g.path+"; answer"))
			v := g.next(t)
			if err := kill(p, v); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, r); got.err == nil {
				t.Error("it was repeated")
			} else {
				as[*WorkerError](t, got.err)
			}
			g.none(t)
		})
	}
}

func TestNothingIsRepeatedForAClientThatHasLeft(t *testing.T) {
	p, g := start(t, self(2)), newGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := send(p, ctx, repeatable("visit "+g.path+"; answer"))
	v := g.next(t)
	cancel()
	if err := syscall.Kill(v.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, r); got.err == nil {
		t.Error("it was repeated")
	}
	g.none(t)
}

// A worker that does not read any more, but lives.
func TestARequestToAWorkerThatReadsNoMoreIsCarriedOutElsewhere(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	ask(t, p, "answer; then close-in; then visit "+g.path)
	g.next(t)
	if got := ask(t, p, "answer", "next"); got != "next" {
		t.Errorf("got %q", got)
	}
}

func TestARepeatableRequestSucceedsOnTheNextWorker(t *testing.T) {
	p, g := start(t, self(2)), newGate(t)
	req := script("visit " + g.path + "; pid")
	req.Repeatable = true
	r := send(p, t.Context(), req)
	first := g.next(t)
	p.mu.Lock()
	for w := range p.workers {
		if w.state() == StateBusy {
			w.child.Kill()
		}
	}
	p.mu.Unlock()
	second := g.next(t)
	second.release()
	if got := receive(t, r).body(t); got != fmt.Sprint(second.pid) || second.pid == first.pid {
		t.Errorf("%s answered; first came %d, then %d", got, first.pid, second.pid)
	}
}

func TestAWorkerErrorIsWrittenForPeople(t *testing.T) {
	for want, e := range map[string]WorkerError{
		"worker 7 failed (exit status 255)":                            {Err: io.EOF, Exit: "exit status 255"},
		"worker 7 failed: it has closed its relay":                     {Err: io.EOF},
		"worker 7 failed (signal: killed): its answer breaks off":      {Err: io.ErrUnexpectedEOF, Exit: "signal: killed"},
		"worker 7 failed (signal: killed): request took too long":      {Err: ErrTimeout, Exit: "signal: killed"},
		"worker 7 failed: the worker had to go before it had answered": {Err: ErrCut},
	} {
		e.PID = 7
		if got := e.Error(); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
}

func TestAWorkerErrorTellsHowTheProcessEndedAndWhatItPrinted(t *testing.T) {
	for steps, want := range map[string]string{
		"exit 255": "exit status 255", "exit 0": "exit status 0", "kill 9": "signal: killed", "kill 15": "signal: terminated",
	} {
		t.Run(steps, func(t *testing.T) {
			p := start(t, self(1))
			for i := range 5 {
				said := fmt.Sprint("PHP Fatal error:  boom ", i)
				_, err := p.Exec(t.Context(), script("say early; moan "+said+"; "+steps))
				lost := as[*WorkerError](t, err)
				if lost.Exit != want || lost.Unread || lost.PID == 0 || lost.After <= 0 {
					t.Errorf("exit %q, unread %v, pid %d, after %s; want %q", lost.Exit, lost.Unread, lost.PID, lost.After, want)
				}
				if !slices.Contains(lost.Output, said) || !slices.Contains(lost.Output, "early") {
					t.Errorf("kept the output %q; want %q and what came on stdout", lost.Output, said)
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not tell %q", err, want)
				}
			}
		})
	}
}

func TestWordsWithoutALineEndAreKeptToo(t *testing.T) {
	for _, relay := range []Relay{RelayAuto, RelayStdio, RelayUnix} {
		t.Run(string(relay), func(t *testing.T) {
			c := self(1)
			c.Relay = relay
			p := start(t, c)
			_, err := p.Exec(t.Context(), script("mutter last words; exit 1"))
			if lost := as[*WorkerError](t, err); !slices.Contains(lost.Output, "last words") {
				t.Errorf("kept %q", lost.Output)
			}
		})
	}
}

func TestAnErrorFrameFailsTheRequestAndSparesTheWorker(t *testing.T) {
	c := self(1)
	c.MaxInMemory = 1000
	p := start(t, c)
	before := ask(t, p, "pid")
	for _, size := range []int{0, 10, 999, 1000, 1001, 300_000} {
		text := strings.Repeat("e", size) + "."
		_, err := p.Exec(t.Context(), script("error", text))
		soft := as[*SoftError](t, err)
		if want := text[:min(len(text), 64<<10)]; soft.Text != want {
			t.Errorf("of an error of %d bytes %d are told; want %d", len(text), len(soft.Text), len(want))
		}
		if fmt.Sprint(soft.PID) != before {
			t.Errorf("told of worker %d, not %s", soft.PID, before)
		}
	}
	if after := ask(t, p, "pid"); after != before {
		t.Errorf("worker %s was replaced by %s", before, after)
	}
}

func TestAWorkerThatSpeaksNonsenseWhileItLivesMayYetReadTheRequest(t *testing.T) {
	c := self(1)
	c.StopTimeout = patience // it has the time to read it
	p, g, counter := start(t, c), newGate(t), newGate(t)
	ask(t, p, "answer; ignore term; then visit "+g.path+"; then raw this is no frame; then visit "+g.path)
	v := g.next(t)
	r := send(p, t.Context(), script("call "+counter.path+"; answer"))
	inPipe(t, p)
	v.release()
	v = g.next(t)
	eventually(t, "the worker is given up", func() bool { return inState(p, StateStopping) == 1 })
	v.release()
	got := receive(t, r)
	lost := as[*WorkerError](t, got.err)
	if bad := as[*goridge.FrameError](t, lost); !strings.Contains(string(bad.Preview), "this is no frame") {
		t.Errorf("the preview is %q", bad.Preview)
	}
	counter.next(t)
	counter.none(t) // a second time would be once too often for a POST
}

func TestASpooledBodyIsSentFromItsStartForEveryAttempt(t *testing.T) {
	p, g := start(t, self(2)), newGate(t)
	text := strings.Repeat("spooled ", 100_000)
	head := "visit " + g.path + "; answer"
	req := &Request{
		Frame: frame(head, len(text)),
		Body:  strings.NewReader(text), BodySize: int64(len(text)), Repeatable: true,
	}
	r := send(p, t.Context(), req)
	first := g.next(t)
	if err := syscall.Kill(first.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	g.next(t).release()
	if got := receive(t, r).body(t); got != text {
		t.Errorf("the answer has %d bytes; want the %d of the body", len(got), len(text))
	}
}

// failing is a spooled body whose file is gone.
type failing struct{ io.ReadSeeker }

func (failing) Seek(int64, int) (int64, error) { return 0, errors.New("stale file handle") }

func TestABodyThatCannotBeReadIsNotTheWorkersFault(t *testing.T) {
	p := start(t, self(1))
	before := ask(t, p, "pid")
	_, err := p.Exec(t.Context(), &Request{Frame: script("answer").Frame, Body: failing{bytes.NewReader(nil)}, BodySize: 5})
	if err == nil || !strings.Contains(err.Error(), "stale file handle") {
		t.Fatalf("got %v", err)
	}
	if _, ok := errors.AsType[*WorkerError](err); ok {
		t.Errorf("the worker is blamed: %v", err)
	}
	if after := ask(t, p, "pid"); after != before {
		t.Errorf("worker %s was replaced by %s", before, after)
	}
}

func TestAnAnswerIsWholeAlsoWhenItsWorkerEndsRightBehindIt(t *testing.T) {
	for name, steps := range map[string]string{"one frame": "big 100000; exit 0", "stream": strings.Repeat("chunk 0123456789;", 500) + "answer; exit 0"} {
		t.Run(name, func(t *testing.T) {
			c := self(1)
			c.MaxInMemory = 1000
			p, g := start(t, c), newGate(t)
			turn, err := p.Exec(t.Context(), script("call "+g.path+"; "+steps))
			if err != nil {
				t.Fatal(err)
			}
			defer turn.Close()
			pid := turn.PID
			g.next(t).dies(t, patience)
			eventually(t, "the end of the worker is noticed", func() bool { return !pids(p)[pid] })
			got := 0
			for err = nil; err == nil; err = turn.Next() {
				n, copyErr := io.Copy(io.Discard, &turn.Frame)
				if copyErr != nil {
					t.Fatalf("reading what the worker left behind: %v", copyErr)
				}
				got += len(turn.Frame.Body()) + int(n)
			}
			if want := map[string]int{"one frame": 100_000, "stream": 5000}[name]; err != io.EOF || got != want {
				t.Errorf("after %d bytes of %d: %v", got, want, err)
			}
		})
	}
}
