//go:build !race

package workerpool

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest/observer"
)

// leftInPeace proves that the nth worker was asked to go only when it had worked
// so long, and was not signaled.
func leftInPeace(t *testing.T, f *fakeProcess, begin time.Time, worked time.Duration) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.asked.IsZero() || !f.killed.IsZero() || f.stopped.Sub(begin) != worked || f.exit != "exit status 0" {
		t.Errorf("stop frame after %s, SIGTERM %v, SIGKILL %v, %s; want the stop frame after %s and no more",
			f.stopped.Sub(begin), !f.asked.IsZero(), !f.killed.IsZero(), f.exit, worked)
	}
}

// With the stop timeout of ten seconds SIGTERM would come after five.
const afterwork = "answer; wait 8s"

func TestWorkAfterTheResponseIsDoneBeforeAWorkerIsReplaced(t *testing.T) {
	for name, order := range map[string]struct {
		config Config
		do     func(*Pool)
	}{
		"max_requests": {Config{Min: 1, MaxRequests: 1}, func(*Pool) {}},
		"restart":      {Config{Min: 1}, func(p *Pool) { _, _ = p.Restart(ReasonRestart) }},
		"retire":       {Config{Min: 1}, func(p *Pool) { _ = p.Retire(1<<24+1, false) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, order.config, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
				begin := time.Now()
				ask(t, p, afterwork)
				order.do(p)
				synctest.Wait()
				if got := ask(t, p, "answer", "meanwhile"); got != "meanwhile" || time.Since(begin) > time.Second {
					t.Errorf("got %q after %s; want its replacement's answer", got, time.Since(begin))
				}
				pass(20 * time.Second)
				leftInPeace(t, l.all[0], begin, 8*time.Second)
			})
		})
	}
}

func TestWorkAfterTheResponseIsDoneBeforeASurplusWorkerGoes(t *testing.T) {
	for name, c := range map[string]Config{
		"idle":   {Min: 1, Max: 2, IdleTimeout: time.Second},
		"scaled": {Min: 2, Max: 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
				for _, steps := range []string{"wait 1s; answer", "wait 1s; " + afterwork} { // first there have to be two
					var wg sync.WaitGroup
					for range 2 {
						wg.Go(func() { ask(t, p, steps) })
					}
					wg.Wait()
					synctest.Wait()
				}
				begin := time.Now()
				if c.Min == 2 {
					if err := p.Scale(1, 1); err != nil {
						t.Fatal(err)
					}
				}
				pass(20 * time.Second)
				if n := len(p.Stats().Workers); n != 1 {
					t.Fatalf("%d workers", n)
				}
				for _, f := range l.all {
					if f.exit != "" {
						leftInPeace(t, f, begin, 8*time.Second)
					}
				}
			})
		})
	}
}

func TestCloseWaitsForWorkAfterTheResponseAndStillTakesRequests(t *testing.T) {
	bubble(t, Config{Min: 2}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		begin := time.Now()
		ask(t, p, afterwork)
		closed := make(chan error, 1)
		go func() { closed <- p.Close(t.Context()) }()
		pass(500 * time.Millisecond)
		ask(t, p, afterwork)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 8500*time.Millisecond {
			t.Errorf("the pool was closed after %s; want 8.5s", took)
		}
		for _, f := range l.all {
			leftInPeace(t, f, begin, 8500*time.Millisecond)
		}
	})
}

// The worker has its request when it is told to go, and works on after it.
func TestWorkAfterTheResponseOfABusyWorkerIsDoneBeforeItGoes(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		r := send(p, t.Context(), script("wait 1s; "+afterwork))
		synctest.Wait()
		begin := time.Now()
		if err := p.Retire(1<<24+1, false); err != nil {
			t.Fatal(err)
		}
		(<-r).body(t)
		pass(20 * time.Second)
		leftInPeace(t, l.all[0], begin, 9*time.Second)
	})
}

func TestWorkAfterTheResponseThatNeverEndsIsCutWhenItsWorkerShallGo(t *testing.T) {
	c := Config{Min: 1, DrainTimeout: time.Minute}
	bubble(t, c, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		ask(t, p, "answer; deaf; wait 1h")
		begin := time.Now()
		if err := p.Retire(1<<24+1, false); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Minute)
		f := l.all[0]
		if f.asked.Sub(begin) != time.Minute || f.killed.Sub(begin) != 61*time.Second {
			t.Errorf("SIGTERM after %s, SIGKILL after %s; want a minute, and a second more", f.asked.Sub(begin), f.killed.Sub(begin))
		}
	})
}

func TestWorkAfterTheResponseIsNotCountedByTheRequestTimeout(t *testing.T) {
	bubble(t, Config{Min: 1, RequestTimeout: 2 * time.Second}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		begin := time.Now()
		ask(t, p, afterwork)
		if got := ask(t, p, "answer", "next"); got != "next" || time.Since(begin) != 8*time.Second || len(l.all) != 1 {
			t.Errorf("got %q after %s, of %d workers; want it of the same worker after 8s", got, time.Since(begin), len(l.all))
		}
	})
}

func TestStopAsksAWorkerPolitelyThatHasNoRequestAnyMore(t *testing.T) {
	c := Config{Min: 1, StopTimeout: 20 * time.Second}
	for name, late := range map[string]bool{"known to work long": true, "idle for all that is known": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
				begin := time.Now()
				ask(t, p, afterwork)
				var r <-chan result
				if late { // this request finds it at work
					r = send(p, t.Context(), script("answer"))
					synctest.Wait()
				}
				if err := p.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				if late {
					if got := <-r; !errors.Is(got.err, ErrClosed) {
						t.Errorf("the request that waited got %v; want ErrClosed", got.err)
					}
				}
				leftInPeace(t, l.all[0], begin, 8*time.Second)
			})
		})
	}
}

func TestStopDoesNotWaitForARequest(t *testing.T) {
	bubble(t, Config{Min: 2}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		r := send(p, t.Context(), script("deaf; wait 1h; answer"))
		synctest.Wait()
		begin := time.Now()
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got := <-r; got.err == nil {
			t.Error("the request was answered")
		}
		told := ""
		for _, f := range l.all {
			if !f.asked.IsZero() {
				told += fmt.Sprint("SIGTERM after ", f.asked.Sub(begin), ", SIGKILL after ", f.killed.Sub(begin))
			}
		}
		if told != "SIGTERM after 0s, SIGKILL after 1s" {
			t.Errorf("the workers got: %s", told)
		}
	})
}
