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
	wait, err := p.Restart(ReasonRestart)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// watchers look at the pool as often as they can until stop is called, and
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
			default:
			}
			serving, all := 0, 0
			p.mu.Lock()
			for w := range p.workers {
				switch {
				case w.retiring: // finishes its last request
				case w.state == StateIdle, w.state == StateBusy:
					serving++
					all++
				case w.state == StateBooting:
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
			if old[w.PID] && w.State != StateStopping {
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

func TestOnlyOneRestartRunsAtATime(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	r := send(p, t.Context(), script("visit "+g.path+"; answer"))
	v := g.next(t)
	wait, err := p.Restart(ReasonWatch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Restart(ReasonRestart); err != ErrRestartRunning {
		t.Errorf("the second restart: %v", err)
	}
	if !p.Stats().Restarting {
		t.Error("nobody is told of the restart")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("waited enough")
	cancel(enough)
	if err := wait(ctx); err != enough {
		t.Errorf("waiting with a canceled context: %v", err)
	}
	v.release() // the busy old worker may finish its request
	receive(t, r).body(t)
	if err := wait(t.Context()); err != nil {
		t.Error(err)
	}
	booked(t, p, 1, ReasonWatch)
}

func TestARestartThatCannotBootKeepsTheOldWorkers(t *testing.T) {
	boot := filepath.Join(t.TempDir(), "boot")
	deploy := func(steps string) {
		if err := os.WriteFile(boot, []byte(steps), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	deploy("")
	c, g := self(3), newGate(t)
	c.Env[bootEnv] = "@" + boot
	p := start(t, c)
	old := pids(p)
	busy := send(p, t.Context(), script("visit "+g.path+"; answer"))
	v := g.next(t)

	deploy("moan PHP Parse error:  broken release; exit 255")
	wait, err := p.Restart(ReasonRestart)
	if err != nil {
		t.Fatal(err)
	}
	as[*BootError](t, wait(t.Context()))
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

	deploy("") // mended
	restart(t, p)
	for _, w := range p.Stats().Workers {
		if old[w.PID] && w.State != StateStopping {
			t.Errorf("worker %d has outlived the restart", w.PID)
		}
	}
}

func TestARestartThatFailsHalfWayKeepsWhatItHas(t *testing.T) {
	c, g := self(2), newGate(t)
	boot := filepath.Join(t.TempDir(), "boot")
	deploy := func(steps string) {
		if err := os.WriteFile(boot, []byte(steps), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	deploy("")
	c.Env[bootEnv] = "@" + boot
	p := start(t, c)
	var requests []<-chan result
	var visitors []*visitor
	for range 2 {
		requests = append(requests, send(p, t.Context(), script("visit "+g.path+"; pid")))
		visitors = append(visitors, g.next(t))
	}
	deploy("visit " + g.path)
	wait, err := p.Restart(ReasonRestart)
	if err != nil {
		t.Fatal(err)
	}
	first := g.next(t)
	deploy("exit 1")
	first.release() // ready: one of the busy old ones shall go, and the next one boots, in vain
	as[*BootError](t, wait(t.Context()))
	for i, v := range visitors {
		v.release()
		receive(t, requests[i]).body(t)
	}
	eventually(t, "two workers serve", func() bool { return inState(p, StateIdle) == 2 && len(p.Stats().Workers) == 2 })
}

func TestClosingThePoolEndsTheWaitForARestart(t *testing.T) {
	c, g := self(1), newGate(t)
	boot := filepath.Join(t.TempDir(), "boot")
	if err := os.WriteFile(boot, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Env[bootEnv] = "@" + boot
	p := start(t, c)
	if err := os.WriteFile(boot, []byte("visit "+g.path), 0o600); err != nil {
		t.Fatal(err)
	}
	wait, err := p.Restart(ReasonRestart)
	if err != nil {
		t.Fatal(err)
	}
	g.next(t)
	done := make(chan error, 1)
	go func() { done <- wait(context.Background()) }()
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
	begin := time.Now()
	restart(t, p)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("the restart was over after %s", took)
	}
	var err error
	for err == nil {
		err = turn.Next()
	}
	as[*WorkerError](t, err)
	booked(t, p, 1, ReasonRestart)
}
