package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// traffic sends requests from n goroutines until stop is called, and fails the
// test when one of them fails.
func traffic(t *testing.T, p *Pool, n int, steps string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for j := 0; ctx.Err() == nil; j++ {
				body := fmt.Sprint(i, " ", j)
				turn, err := p.Exec(t.Context(), script(steps, body))
				if err != nil {
					t.Errorf("request %s: %v", body, err)
					return
				}
				if got := string(turn.Frame.Body()); got != body {
					t.Errorf("%q was answered with %q", body, got)
				}
				turn.Close()
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

func restarts(p *Pool, reason Reason) int64 { return p.Stats().Restarts[reason] }

func TestAWorkerIsReplacedAfterItsRequestsAndServesUntilThen(t *testing.T) {
	c := self(3)
	c.MaxRequests, c.MaxRequestsJitter = 20, 50
	p := start(t, c)
	watched := watchers(p)
	stop := traffic(t, p, 4, "answer; sometimes-late")
	eventually(t, "ten workers have been replaced", func() bool { return restarts(p, ReasonMaxRequests) >= 10 })
	stop()
	fewest, most := watched()
	if fewest < 3 || most > 4 {
		t.Errorf("at least %d served, at most %d were there; want 3 and 4", fewest, most)
	}
	all := p.Stats().Restarts
	if len(all) != 1 {
		t.Errorf("the ends are booked as %v; want none but those", all)
	}
}

func TestTheLimitOfRequestsIsSpread(t *testing.T) {
	c := self(32)
	c.MaxRequests, c.MaxRequestsJitter = 100, 10
	p := start(t, c)
	seen := make(map[int64]bool)
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.workers {
		seen[w.maxTurns] = true
		if w.maxTurns < 100 || w.maxTurns > 110 {
			t.Errorf("a worker may serve %d requests; want 100 to 110", w.maxTurns)
		}
	}
	if len(seen) < 4 {
		t.Errorf("only the limits %v among 32 workers", seen)
	}
}

func TestAWorkerThatGrewTooLargeIsReplaced(t *testing.T) {
	c := self(1)
	c.MaxMemory = 1 << 50
	p := start(t, c)
	ask(t, p, "answer")
	info := p.Stats().Workers[0]
	if info.Memory < 1<<20 {
		t.Fatalf("a worker takes %d bytes", info.Memory)
	}
	end(t, p)

	c.MaxMemory = info.Memory + 100<<20
	p = start(t, c)
	pid := ask(t, p, "pid")
	if got := ask(t, p, "pid"); got != pid {
		t.Fatalf("worker %s was replaced by %s without need", pid, got)
	}
	ask(t, p, "hog 200000000; answer")
	eventually(t, "the large worker has gone", func() bool { return restarts(p, ReasonMaxMemory) == 1 })
	if got := ask(t, p, "pid"); got == pid {
		t.Error("the large worker still serves")
	}
	booked(t, p, 1, ReasonMaxMemory)
}

func TestAWorkerThatWorksOnAfterItsAnswerIsNotChosenWhileAnotherIsFree(t *testing.T) {
	p, g := start(t, self(2)), newGate(t)
	busy := ask(t, p, "pid; visit "+g.path)
	v := g.next(t)
	other := ""
	for range 20 {
		got := ask(t, p, "pid")
		if got == busy {
			t.Fatal("the worker that still works got a request")
		}
		other = got
	}
	// With nobody else free a request waits, and is served as soon as possible.
	g2 := newGate(t)
	r := send(p, t.Context(), script("visit "+g2.path+"; pid"))
	v2 := g2.next(t)
	if fmt.Sprint(v2.pid) != other {
		t.Fatalf("the request went to %d", v2.pid)
	}
	late := send(p, t.Context(), script("pid"))
	queued(t, p, 1)
	v.release()
	if got := receive(t, late).body(t); got != busy {
		t.Errorf("%s served the waiting request, not %s", got, busy)
	}
	v2.release()
	receive(t, r).body(t)
}

func TestAWorkerMayAskToBeReplacedBehindItsAnswer(t *testing.T) {
	p := start(t, self(1))
	first := ask(t, p, "pid; stop")
	if second := ask(t, p, "pid"); second == first {
		// It may have got the request before its wish was read, but no more.
		if third := ask(t, p, "pid"); third == first {
			t.Error("the worker is not replaced")
		}
	}
	booked(t, p, 1, ReasonRestart)
}

func TestAWorkerThatWantsToBeReplacedIsSoUnderLoadToo(t *testing.T) {
	p := start(t, self(1))
	var mu sync.Mutex
	served := make(map[string]int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 8 {
				pid := ask(t, p, "pid; stop")
				mu.Lock()
				served[pid]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for pid, n := range served {
		if n > 3 {
			t.Errorf("worker %s served %d requests after it had asked to be replaced", pid, n)
		}
	}
	if n := restarts(p, ReasonCrash); n != 0 {
		t.Errorf("%d of them are booked as crashed", n)
	}
}

func TestARequestThatAWorkerDeclinesGoesToAnother(t *testing.T) {
	p := start(t, self(1))
	first := ask(t, p, "pid")
	once := filepath.Join(t.TempDir(), "once")
	if err := os.WriteFile(once, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	turn, err := p.Exec(t.Context(), script("stop-once "+once+"; pid"))
	if err != nil {
		t.Fatal(err)
	}
	if turn.Retries != 1 {
		t.Errorf("%d retries", turn.Retries)
	}
	if got := whole(t, turn); got == first {
		t.Error("the worker that had declined served it")
	}
	booked(t, p, 1, ReasonRestart)
}

func TestARequestThatEveryWorkerDeclinesFailsInTheEnd(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	_, err := p.Exec(t.Context(), script("call "+g.path+"; stop"))
	if lost := as[*WorkerError](t, err); !errors.Is(err, link.ErrAskedToStop) || !lost.Unread {
		t.Errorf("got %v", err)
	}
	for range maxUnread + 1 {
		g.next(t)
	}
	g.none(t)
}

func TestAnAnswerThatIsReadOnlyAfterItsWorkerEndedCounts(t *testing.T) {
	c, g := self(1), newGate(t)
	c.MaxInMemory = 1000
	p, logs := startLogged(t, c)
	turn, err := p.Exec(t.Context(), script("call "+g.path+"; big 100000; exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	g.next(t).dies(t, patience)
	// Its end could be booked by now.
	moment, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for moment.Err() == nil && restarts(p, ReasonMaxRequests) == 0 {
		select {
		case <-tick.C:
		case <-moment.Done():
		}
	}
	whole(t, turn)
	booked(t, p, 1, ReasonMaxRequests)
	eventually(t, "the end is logged", func() bool {
		return logs.FilterMessage("worker ended by itself").Len()+logs.FilterMessageSnippet("it needs a loop").Len() == 1
	})
	if n := logs.FilterMessage("worker crashed").Len(); n != 0 {
		t.Error("a worker that answered is said to have crashed")
	}
}

// Its own limit is the application's affair, and no crash that somebody is to be woken for.
func TestAWorkerThatEndsInOrderAfterAnAnswerHasReachedALimitOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		name, last string
		fails      bool
		reason     Reason
	}{
		{"it answers and ends in order", "answer; exit 0", false, ReasonMaxRequests},
		{"it answers and fails", "answer; exit 3", false, ReasonCrash},
		{"it ends in order instead of answering", "exit 0", true, ReasonCrash},
		{"it ends in order within its answer", "chunk half; exit 0", true, ReasonCrash},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, self(1))
			ask(t, p, "answer")
			turn, err := p.Exec(t.Context(), script(c.last))
			for err == nil {
				_, _ = io.Copy(io.Discard, &turn.Frame)
				err = turn.Next()
			}
			if failed := err != io.EOF; failed != c.fails {
				t.Fatalf("the last request ended with %v", err)
			}
			if turn != nil {
				turn.Close()
			}
			booked(t, p, 1, c.reason)
		})
	}
}

func TestWorkersWithoutALoopServeEveryRequestAndAreReported(t *testing.T) {
	c := self(2)
	c.Env[bootEnv] = "once"
	p, logs := startLogged(t, c)
	for i := range 20 {
		body := fmt.Sprint("request ", i)
		if got := ask(t, p, "answer", body); got != body {
			t.Errorf("%q was answered with %q", body, got)
		}
	}
	if n := logs.FilterMessageSnippet("it needs a loop").Len(); n != 1 {
		t.Errorf("%d warnings; want one", n)
	}
	if n := logs.FilterMessage("worker crashed").Len(); n != 0 {
		t.Errorf("%d of them are said to have crashed", n)
	}
}
