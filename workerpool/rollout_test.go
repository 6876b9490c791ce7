package workerpool

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// restart replaces all workers and waits for it.
func restart(t *testing.T, p *Pool) {
	t.Helper()
	r := begin(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// begin begins a restart.
func begin(t *testing.T, p *Pool) *Rollout {
	t.Helper()
	r, err := p.Restart(ReasonRestart)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outcome waits for what becomes of a restart.
func (r *Rollout) outcome(t *testing.T) error {
	t.Helper()
	receive(t, r.Done())
	return r.Wait(t.Context())
}

// release is a boot script that can be exchanged.
type release string

func newRelease(t *testing.T, c *Config) release {
	t.Helper()
	r := release(filepath.Join(t.TempDir(), "boot"))
	r.deploy(t, "")
	c.Env[bootEnv] = "@" + string(r)
	return r
}

func (r release) deploy(t *testing.T, steps string) {
	t.Helper()
	if err := os.WriteFile(string(r), []byte(steps), 0o600); err != nil {
		t.Fatal(err)
	}
}

// watchers look at the pool ten times a millisecond until stop is called, and
// return the smallest number of workers that serve, and the largest of these and
// those that boot.
func watchers(p *Pool) (stop func() (fewest, most int)) {
	done, over := make(chan struct{}), make(chan struct{})
	fewest, most := 1<<30, 0
	go func() {
		defer close(over)
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Microsecond):
			}
			serving, all := 0, 0
			p.mu.Lock()
			for w := range p.workers {
				switch {
				case w.phase == retiring: // finishes its last request
				case w.state() == StateIdle, w.state() == StateBusy:
					serving++
					all++
				case w.state() == StateBooting:
					all++
				}
			}
			p.mu.Unlock()
			fewest, most = min(fewest, serving), max(most, all)
		}
	}()
	return func() (int, int) {
		close(done)
		<-over
		return fewest, most
	}
}

func TestARestartReplacesAllWorkersAndServesAllTheTime(t *testing.T) {
	for surge := range 3 {
		c := self(3)
		c.MaxSurge = surge // 0 means the default
		p, logs := startLogged(t, c)
		old := pids(p)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if got := ask(t, p, "answer", "served"); got != "served" {
						t.Errorf("got %q", got)
					}
				}
			})
		}
		stop := watchers(p)
		restart(t, p)
		fewest, most := stop()
		cancel()
		wg.Wait()
		if fewest < 3 || most > 3+max(1, surge) {
			t.Errorf("with surge %d there were at least %d serving and at most %d workers; want 3 and %d",
				surge, fewest, most, 3+max(1, surge))
		}
		for _, w := range p.Stats().Workers {
			if old[w.PID] && w.State != StateStopping && w.DrainsUntil.IsZero() {
				t.Errorf("worker %d has outlived the restart", w.PID)
			}
		}
		booked(t, p, 3, ReasonRestart)
		all(t, p, 3)
		if n := logs.FilterMessage("worker ready").Len(); n != 6 {
			t.Errorf("with surge %d %d workers were started; want 6", surge, n)
		}
	}
}

func TestARestartIsDoneWhenNewWorkersAnswerAndNamesWhatDrains(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	stuck := send(p, t.Context(), script("visit "+g.path+"; answer"))
	v := g.next(t)
	r := begin(t, p)
	if !p.Stats().Restarting {
		t.Error("nobody is told of the restart")
	}
	if err := r.outcome(t); err != nil { // while the old worker is at its request
		t.Fatal(err)
	}
	if p.Stats().Restarting {
		t.Error("the restart is done, and still shown")
	}
	draining := r.Draining()
	if len(draining) != 1 || draining[0].PID != v.pid || draining[0].Busy <= 0 || draining[0].Due != ReasonRestart {
		t.Errorf("worker %d drains; named are %+v", v.pid, draining)
	}
	if got := ask(t, p, "answer", "served"); got != "served" {
		t.Errorf("got %q", got)
	}
	drained := make(chan error, 1)
	go func() { drained <- r.WaitDrained(context.Background()) }()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("waited enough")
	cancel(enough)
	if err := r.WaitDrained(ctx); err != enough {
		t.Errorf("waiting with a canceled context: %v", err)
	}
	select {
	case <-drained:
		t.Error("the restart is drained while a worker drains")
	default:
	}
	v.release()
	receive(t, stuck).body(t)
	if err := receive(t, drained); err != nil {
		t.Error(err)
	}
	if draining := r.Draining(); len(draining) != 0 {
		t.Errorf("still named are %+v", draining)
	}
	booked(t, p, 1, ReasonRestart)
}

func TestANewerRestartSupersedesTheOneUnderWay(t *testing.T) {
	c, g := self(2), newGate(t)
	code := newRelease(t, &c)
	p := start(t, c)
	all(t, p, 2)
	stuck := send(p, t.Context(), script("visit "+g.path+"; answer"))
	old := g.next(t)

	code.deploy(t, "visit "+g.path) // hangs in its boot
	first := begin(t, p)
	hangs := g.next(t)
	code.deploy(t, "")
	second := begin(t, p)
	if err := first.outcome(t); err != ErrSuperseded {
		t.Errorf("the first restart: %v", err)
	}
	if err := first.WaitDrained(t.Context()); err != ErrSuperseded {
		t.Errorf("the first restart, drained: %v", err)
	}
	hangs.dies(t, patience)
	if err := second.outcome(t); err != nil {
		t.Errorf("the second restart: %v", err)
	}
	if n := p.Stats().BootFailures; n != 0 {
		t.Errorf("%d boots count as failed", n)
	}
	third := begin(t, p) // no restart waits for the one that still drains
	if err := third.outcome(t); err != nil {
		t.Errorf("the third restart: %v", err)
	}
	for _, w := range p.Stats().Workers {
		if w.Generation != 3 && w.State != StateStopping && w.DrainsUntil.IsZero() {
			t.Errorf("worker %d of generation %d has outlived the third restart", w.PID, w.Generation)
		}
	}
	old.release()
	receive(t, stuck).body(t)
}

func TestAnAbortedRestartKeepsTheWorkersOfTheOneThatItSuperseded(t *testing.T) {
	c, g := self(2), newGate(t)
	code := newRelease(t, &c)
	p := start(t, c)
	all(t, p, 2)
	code.deploy(t, "visit "+g.path)
	first := begin(t, p)
	g.next(t).release()
	g.next(t) // the first new one serves, the second hangs
	code.deploy(t, "exit 1")
	second := begin(t, p)
	if err := first.outcome(t); err != ErrSuperseded {
		t.Errorf("the first restart: %v", err)
	}
	as[*BootError](t, second.outcome(t))
	eventually(t, "two workers serve", func() bool { return inState(p, StateIdle) == 2 && len(p.Stats().Workers) == 2 })
	generations := make(map[int]int)
	for _, w := range p.Stats().Workers {
		if w.Due != "" {
			t.Errorf("worker %d is still to be replaced: %s", w.PID, w.Due)
		}
		generations[w.Generation]++
	}
	if !maps.Equal(generations, map[int]int{0: 1, 1: 1}) {
		t.Errorf("workers by generation: %v", generations)
	}
}

func TestAnAbortedRestartDoesNotTakeBackWhatAnOperatorRetired(t *testing.T) {
	c, g := self(1), newGate(t)
	code := newRelease(t, &c)
	p := start(t, c)
	busy := send(p, t.Context(), script("visit "+g.path+"; answer"))
	v := g.next(t)
	if err := p.Retire(v.pid, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another worker serves", func() bool { return inState(p, StateIdle) == 1 })
	code.deploy(t, "exit 1")
	as[*BootError](t, begin(t, p).outcome(t))
	v.release()
	receive(t, busy).body(t)
	v.dies(t, patience)
	booked(t, p, 1, ReasonRestart)
}

func TestARestartThatCannotBootKeepsTheOldWorkers(t *testing.T) {
	c, g := self(3), newGate(t)
	code := newRelease(t, &c)
	p := start(t, c)
	old := pids(p)
	busy := send(p, t.Context(), script("visit "+g.path+"; answer"))
	v := g.next(t)

	code.deploy(t, "moan PHP Parse error:  broken release; exit 255")
	r := begin(t, p)
	as[*BootError](t, r.outcome(t))
	as[*BootError](t, p.Aborted())
	if got := pids(p); !maps.Equal(got, old) {
		t.Errorf("workers %v became %v", old, got)
	}
	for _, w := range p.Stats().Workers {
		if w.Due != "" {
			t.Errorf("worker %d is still to be replaced: %s", w.PID, w.Due)
		}
	}
	v.release()
	receive(t, busy).body(t)
	all(t, p, 3)

	code.deploy(t, "") // mended
	if err := p.Retire(p.Stats().Workers[0].PID, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new worker shows that the code starts", func() bool { return p.Aborted() == nil })
	restart(t, p)
	for _, w := range p.Stats().Workers {
		if old[w.PID] && w.State != StateStopping && w.DrainsUntil.IsZero() {
			t.Errorf("worker %d has outlived the restart", w.PID)
		}
	}
}

func TestARestartThatFailsHalfWayKeepsWhatItHas(t *testing.T) {
	c, g := self(2), newGate(t)
	code := newRelease(t, &c)
	p := start(t, c)
	var requests []<-chan result
	var visitors []*visitor
	for range 2 {
		requests = append(requests, send(p, t.Context(), script("visit "+g.path+"; pid")))
		visitors = append(visitors, g.next(t))
	}
	code.deploy(t, "visit "+g.path)
	r := begin(t, p)
	first := g.next(t)
	code.deploy(t, "exit 1")
	first.release() // ready: one of the busy old ones shall go, and the next one boots, in vain
	as[*BootError](t, r.outcome(t))
	for i, v := range visitors {
		v.release()
		receive(t, requests[i]).body(t)
	}
	eventually(t, "two workers serve", func() bool { return inState(p, StateIdle) == 2 && len(p.Stats().Workers) == 2 })
}

func TestClosingThePoolEndsTheWaitForARestart(t *testing.T) {
	c, g := self(1), newGate(t)
	code := newRelease(t, &c)
	p := start(t, c)
	code.deploy(t, "visit "+g.path)
	r := begin(t, p)
	g.next(t)
	done := make(chan error, 1)
	go func() { done <- r.Wait(context.Background()) }()
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := receive(t, done); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v; want ErrClosed", err)
	}
}

func TestAStreamThatNeverEndsIsCutWhenItsWorkerShallGo(t *testing.T) {
	c := self(1)
	c.DrainTimeout = 100 * time.Millisecond
	p := start(t, c)
	turn := open(t, p, "flood")
	defer turn.Close()
	since := time.Now()
	if err := begin(t, p).WaitDrained(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(since); took < 100*time.Millisecond {
		t.Errorf("the restart had drained after %s", took)
	}
	var err error
	for err == nil {
		err = turn.Next()
	}
	as[*WorkerError](t, err)
	booked(t, p, 1, ReasonRestart)
}

func TestARequestThatOutlivesItsWorkersTimeIsCutAndNotRepeated(t *testing.T) {
	c, g := self(1), newGate(t)
	c.DrainTimeout = 100 * time.Millisecond
	p := start(t, c)
	req := script("visit " + g.path + "; answer")
	req.Repeatable = true
	stuck := send(p, t.Context(), req)
	v := g.next(t)
	restart(t, p)
	if r := receive(t, stuck); !errors.Is(r.err, ErrCut) {
		t.Errorf("the request got %v", r.err)
	}
	v.dies(t, patience)
	g.none(t)
}
