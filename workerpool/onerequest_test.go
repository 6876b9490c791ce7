//go:build !race

package workerpool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
)

// oneEach is a launcher whose workers answer one request each, and take boot to start.
func oneEach(boot time.Duration) *fakes {
	return &fakes{
		traits: launch.Traits{OneRequest: true, AtOnce: 4},
		boot:   func(int) fakeBoot { return fakeBoot{once: true, wait: boot} },
	}
}

// processes are the workers that have not ended.
func processes(p *Pool) int { return len(p.Stats().Workers) }

func TestWorkersThatAnswerOneRequestAreKeptIdleAndTheirEndIsNoCrash(t *testing.T) {
	bubbleOf(t, Config{Min: 3, Max: 6}, oneEach(ms), func(t *testing.T, p *Pool, l *fakes, logs *observer.ObservedLogs) {
		pass(time.Second)
		for i := range 10 {
			if n := inState(p, StateIdle); n != 3 {
				t.Errorf("%d workers are idle before request %d, want 3", n, i)
			}
			if got := askNumbered(t, p, i); got != fmt.Sprint(i) {
				t.Errorf("request %d was answered with %q", i, got)
			}
			pass(10 * ms)
		}
		if n := restarts(p, ReasonMaxRequests); n != 10 {
			t.Errorf("%d workers ended because they had answered, want 10: %v", n, p.Stats().Restarts)
		}
		if n := l.count(); n != 13 {
			t.Errorf("%d workers were started, want 13", n)
		}
		if bad := logs.FilterLevelExact(zap.ErrorLevel).Len() + logs.FilterLevelExact(zap.WarnLevel).Len() + logs.FilterLevelExact(zap.InfoLevel).Len(); bad > 0 {
			t.Errorf("%d records were logged: %v", bad, logs.All())
		}
		for _, f := range l.all {
			if len(f.requests) > 1 {
				t.Errorf("a worker was given %q", f.requests)
			}
		}
	})
}

func askNumbered(t *testing.T, p *Pool, i int) string {
	t.Helper()
	return ask(t, p, "answer", fmt.Sprint(i))
}

func TestBusyWorkersThatAnswerOneRequestAreReplacedWhileTheyAreAtItButNeverBeyondTheMaximum(t *testing.T) {
	bubbleOf(t, Config{Min: 2, Max: 6}, oneEach(10*ms), func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		pass(time.Second)
		var wg sync.WaitGroup
		begin := time.Now()
		for i := range 12 {
			wg.Go(func() {
				if got := ask(t, p, "wait 1s; answer", fmt.Sprint(i)); got != fmt.Sprint(i) {
					t.Errorf("request %d was answered with %q", i, got)
				}
			})
		}
		most := 0
		for range 200 {
			pass(10 * ms)
			most = max(most, processes(p))
		}
		wg.Wait()
		// Six at a time, and two boots in between at most.
		if took := time.Since(begin); took > 2100*ms {
			t.Errorf("12 requests of a second took %s with 6 workers", took)
		}
		if most != 6 {
			t.Errorf("%d workers lived at a time, want 6", most)
		}
		pass(5 * time.Minute)
		if n := processes(p); n != 2 {
			t.Errorf("%d workers are left in the end, want 2", n)
		}
		if n := restarts(p, ReasonCrash); n != 0 {
			t.Errorf("%d crashes", n)
		}
	})
}

func TestTheEndOfSuchAWorkerBeforeItsAnswerIsACrash(t *testing.T) {
	bubbleOf(t, Config{Min: 1, Max: 2}, oneEach(0), func(t *testing.T, p *Pool, _ *fakes, logs *observer.ObservedLogs) {
		_, err := p.Exec(t.Context(), script("exit 3"))
		as[*WorkerError](t, err)
		pass(10 * time.Second)
		if n := restarts(p, ReasonCrash); n != 1 {
			t.Errorf("%d crashes, want 1", n)
		}
		if n := logs.FilterMessage("worker crashed").Len(); n != 1 {
			t.Errorf("told %d times", n)
		}
		if got := ask(t, p, "answer", "next"); got != "next" {
			t.Errorf("got %q", got)
		}
	})
}

func TestARestartReplacesTheIdleOnesAndDoesNotWaitForThoseThatAreAtTheirRequest(t *testing.T) {
	bubbleOf(t, Config{Min: 2, Max: 6}, oneEach(ms), func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		pass(time.Second)
		busy := send(p, context.Background(), script("wait 10s; answer", "old"))
		pass(10 * ms)
		r, err := p.Restart(ReasonRestart)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Wait(ctx); err != nil {
			t.Errorf("the restart: %v", err)
		}
		pass(time.Second)
		for _, w := range p.Stats().Workers {
			if w.State == StateIdle && w.Generation != 1 {
				t.Errorf("worker %d of generation %d still waits for a request", w.PID, w.Generation)
			}
		}
		if got := receive(t, busy).body(t); got != "old" {
			t.Errorf("got %q", got)
		}
	})
}

func TestARestartThatCannotBePreparedChangesNothing(t *testing.T) {
	l := &fakes{renew: func(context.Context) (launch.Launcher, error) { return nil, errors.New("no parent") }}
	bubbleOf(t, Config{Min: 2, Max: 2}, l, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		before := pids(p)
		r, err := p.Restart(ReasonRestart)
		if err != nil {
			t.Fatal(err)
		}
		if failed := as[*BootError](t, r.Wait(t.Context())); failed.Err.Error() != "no parent" {
			t.Errorf("got %v", failed)
		}
		pass(time.Minute)
		if after := pids(p); fmt.Sprint(after) != fmt.Sprint(before) || l.count() != 2 {
			t.Errorf("the workers were %v, and are %v", before, after)
		}
	})
}

func TestALauncherIsClosedWhenTheLastOfItsWorkersHasGone(t *testing.T) {
	next := &fakes{}
	old := &fakes{renew: func(context.Context) (launch.Launcher, error) { return next, nil }}
	bubbleOf(t, Config{Min: 1, Max: 1}, old, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		busy := send(p, context.Background(), script("wait 10s; answer", "old"))
		pass(10 * ms)
		r, err := p.Restart(ReasonRestart)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(10 * ms)
		if old.closed != 0 || next.count() != 1 {
			t.Errorf("closed %d times while a worker lives; the next one has started %d", old.closed, next.count())
		}
		receive(t, busy).body(t)
		pass(time.Second)
		if old.closed != 1 || next.closed != 0 {
			t.Errorf("closed %d times when the last worker had gone; the next one %d times", old.closed, next.closed)
		}
	})
	if old.closed != 1 || next.closed != 1 {
		t.Errorf("in the end they were closed %d and %d times", old.closed, next.closed)
	}
}

func TestALauncherIsClosedWhenNobodyPreparesTheNextOneAnyMore(t *testing.T) {
	var early chan bool
	l := &fakes{}
	l.renew = func(ctx context.Context) (launch.Launcher, error) {
		<-ctx.Done()
		<-time.After(time.Second) // it takes a moment to give up
		l.mu.Lock()
		defer l.mu.Unlock()
		early <- l.closed > 0
		return nil, ctx.Err()
	}
	bubbleOf(t, Config{Min: 1, Max: 1}, l, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		early = make(chan bool, 1) // within the bubble
		go func() { _, _ = p.Restart(ReasonRestart) }()
		pass(10 * ms)
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if <-early {
			t.Error("it was closed before")
		}
		if l.closed != 1 {
			t.Errorf("in the end it was closed %d times", l.closed)
		}
	})
}

func TestANewerRestartEndsThePreparationOfAnOlderOne(t *testing.T) {
	third := &fakes{}
	calls := 0
	l := &fakes{renew: func(ctx context.Context) (launch.Launcher, error) {
		if calls++; calls == 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return third, nil
	}}
	bubbleOf(t, Config{Min: 1, Max: 1}, l, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		first := make(chan error, 1)
		go func() {
			r, err := p.Restart(ReasonRestart)
			if err == nil {
				err = r.Wait(context.Background())
			}
			first <- err
		}()
		pass(time.Second)
		if got := ask(t, p, "answer", "meanwhile"); got != "meanwhile" {
			t.Errorf("got %q", got)
		}
		r, err := p.Restart(ReasonRestart)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-first; !errors.Is(err, ErrSuperseded) {
			t.Errorf("the first restart: %v", err)
		}
		if err := r.Wait(t.Context()); err != nil {
			t.Errorf("the second restart: %v", err)
		}
		if third.count() != 1 {
			t.Errorf("%d workers of the new generation", third.count())
		}
	})
}
