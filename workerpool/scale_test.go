package workerpool

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestAPoolWithoutMinimumStartsOnDemandAndEmptiesAgain(t *testing.T) {
	c := self(0)
	c.Max, c.IdleTimeout = 2, 100*time.Millisecond
	p := start(t, c)
	if n := len(p.Stats().Workers); n != 0 {
		t.Fatalf("%d workers before the first request", n)
	}
	for range 2 {
		if got := ask(t, p, "answer", "on demand"); got != "on demand" {
			t.Errorf("got %q", got)
		}
		eventually(t, "the pool is empty", func() bool { return len(p.Stats().Workers) == 0 })
	}
	booked(t, p, restarts(p, ReasonIdle), ReasonIdle)
}

func TestMoreWorkersComeWhileRequestsWaitAndNoneAboveTheMaximum(t *testing.T) {
	c, g := self(1), newGate(t)
	c.Max = 3
	p := start(t, c)
	var results []<-chan result
	for range 5 {
		results = append(results, send(p, t.Context(), script("visit "+g.path+"; answer")))
	}
	var visitors []*visitor
	for range 3 {
		visitors = append(visitors, g.next(t))
	}
	queued(t, p, 2)
	g.none(t)
	if s := p.Stats(); s.Desired != 3 || len(s.Workers) != 3 {
		t.Errorf("%d workers, %d desired; want 3", len(s.Workers), s.Desired)
	}
	visitors[0].release()
	visitors[1].release()
	g.next(t).release()
	g.next(t).release()
	visitors[2].release()
	for _, r := range results {
		receive(t, r).body(t)
	}
}

func TestScaleChangesTheNumberOfWorkersForNow(t *testing.T) {
	c, g := self(2), newGate(t)
	p := start(t, c)
	busy := send(p, t.Context(), script("visit "+g.path+"; pid"))
	v := g.next(t)
	if err := p.Scale(4, 4); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there are four", func() bool { return inState(p, StateIdle) == 3 })
	if err := p.Scale(1, 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the idle ones have gone", func() bool { return len(p.Stats().Workers) == 1 })
	v.release()
	if got := receive(t, busy).body(t); got != fmt.Sprint(v.pid) {
		t.Errorf("the busy worker lost its request: %q", got)
	}
	if got := ask(t, p, "pid"); got != fmt.Sprint(v.pid) {
		t.Errorf("worker %d was sent away although one shall stay", v.pid)
	}
	for _, wrong := range [][2]int{{-1, 1}, {0, 0}, {3, 2}, {1, MaxWorkers + 1}} {
		if err := p.Scale(wrong[0], wrong[1]); err == nil {
			t.Errorf("scaled to %v", wrong)
		}
	}
	if s := p.Stats(); s.Min != 1 || s.Max != 1 || s.Desired != 1 {
		t.Errorf("the pool wants %d to %d workers, now %d", s.Min, s.Max, s.Desired)
	}
	end(t, p)
	if err := p.Scale(1, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("scaling a closed pool: %v", err)
	}
}

func TestOneWorkerCanBeRetiredAndIsReplaced(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	idle := ask(t, p, "pid")
	retire := func(pid string, hurry bool) {
		t.Helper()
		number := 0
		fmt.Sscan(pid, &number)
		if err := p.Retire(number, hurry); err != nil {
			t.Fatal(err)
		}
	}
	retire(idle, false)
	if err := p.Retire(1, false); !errors.Is(err, ErrNoWorker) {
		t.Errorf("retiring a stranger: %v", err)
	}
	r := send(p, t.Context(), script("visit "+g.path+"; pid"))
	v := g.next(t)
	retire(fmt.Sprint(v.pid), false)
	v.release()
	if got := receive(t, r).body(t); got != fmt.Sprint(v.pid) || got == idle {
		t.Errorf("a retired worker must finish its request; %s answered", got)
	}
	r = send(p, t.Context(), script("visit "+g.path+"; pid"))
	v = g.next(t)
	retire(fmt.Sprint(v.pid), true)
	as[*WorkerError](t, receive(t, r).err)
	if got := ask(t, p, "answer", "replaced"); got != "replaced" {
		t.Errorf("got %q", got)
	}
	booked(t, p, 3, ReasonRestart)
}

func TestForceHastensAnEndThatHasBegun(t *testing.T) {
	for name, ignores := range map[string]string{"one that does not hear the stop frame": "ignore stop", "one that ignores SIGTERM, too": "ignore stop; ignore term"} {
		t.Run(name, func(t *testing.T) {
			c := self(1)
			c.StopTimeout = time.Hour
			p := start(t, c)
			pid := ask(t, p, ignores+"; pid")
			number := 0
			fmt.Sscan(pid, &number)
			if err := p.Retire(number, false); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is being stopped", func() bool { return inState(p, StateStopping) == 1 })
			for range 2 {
				if err := p.Retire(number, true); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "it has gone", func() bool { return restarts(p, ReasonRestart) == 1 })
			booked(t, p, 1, ReasonRestart)
		})
	}
}
