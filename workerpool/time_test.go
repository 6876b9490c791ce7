//go:build !race

package workerpool

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest/observer"
)

const ms = time.Millisecond

// doubling are the pauses between starts that fail.
var doubling = []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 10 * time.Second, 10 * time.Second}

func TestThePauseBetweenBootsThatFailDoublesUpToTenSeconds(t *testing.T) {
	var mended atomic.Bool
	boot := func(int) fakeBoot { return fakeBoot{dies: !mended.Load()} }
	bubble(t, Config{Max: 1}, boot, func(t *testing.T, p *Pool, l *fakes, logs *observer.ObservedLogs) {
		_, err := p.Exec(t.Context(), script("answer"))
		lost := as[*UnavailableError](t, err)
		if l.count() != crashLoopAfter || lost.RetryAfter != 400*ms {
			t.Errorf("after %d boots: try again in %s; want %d and 400ms", l.count(), lost.RetryAfter, crashLoopAfter)
		}
		as[*BootError](t, err)
		begin := time.Now()
		if _, err := p.Exec(t.Context(), script("answer")); err == nil || time.Since(begin) != 0 {
			t.Errorf("the next request got %v after %s; want an error at once", err, time.Since(begin))
		}
		pass(35 * time.Second)
		if got := l.gaps(); !slices.Equal(got, doubling) {
			t.Errorf("the pauses were %v; want %v", got, doubling)
		}
		if n := logs.FilterMessage("worker could not start").Len(); n != l.count() {
			t.Errorf("%d lines were logged about %d attempts", n, l.count())
		}
		if s := p.Stats(); s.Unavailable != 2 || s.LastError == nil || s.BootFailures != int64(l.count()) {
			t.Errorf("turned away %d, failed %d, last error %v", s.Unavailable, s.BootFailures, s.LastError)
		}
		mended.Store(true)
		pass(10 * time.Second)
		if got := ask(t, p, "answer", "mended"); got != "mended" {
			t.Errorf("got %q", got)
		}
		if err := p.Stats().LastError; err != nil {
			t.Errorf("the last error is still %v", err)
		}
	})
}

func TestRequestsThatSucceedElsewhereDoNotShortenThePause(t *testing.T) {
	boot := func(n int) fakeBoot { return fakeBoot{dies: n > 1} }
	bubble(t, Config{Min: 1, MaxRequests: 3}, boot, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		for range 35_000 / 50 { // the old worker is due, and serves on
			ask(t, p, "answer")
			pass(50 * ms)
		}
		got := l.gaps()[1:] // without the life of the first
		if !slices.Equal(got, doubling) {
			t.Errorf("the pauses were %v; want %v", got, doubling)
		}
	})
}

func TestARestartTriesAtOnce(t *testing.T) {
	var mended atomic.Bool
	boot := func(n int) fakeBoot { return fakeBoot{dies: n > 1 && !mended.Load()} }
	bubble(t, Config{Min: 1, MaxLifetime: time.Second}, boot, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		pass(20 * time.Second)
		mended.Store(true)
		begin := time.Now()
		restart(t, p)
		if took := time.Since(begin); took > 10*ms {
			t.Errorf("the restart took %s", took)
		}
	})
}

// What a request does to its worker is that request's affair: the others are served.
func TestWorkersThatDieOnTheirFirstRequestAreReplacedAtOnce(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, l *fakes, logs *observer.ObservedLogs) {
		begin := time.Now()
		for i := range 50 {
			if _, err := p.Exec(t.Context(), script("exit 139")); err == nil {
				t.Fatal("answered")
			}
			if i%5 == 0 {
				if got := ask(t, p, "answer", "another's"); got != "another's" {
					t.Errorf("the next request was answered with %q", got)
				}
			}
		}
		if took := time.Since(begin); took > 100*ms {
			t.Errorf("it took %s", took)
		}
		synctest.Wait()
		if n := logs.FilterMessage("worker crashed").Len(); n < 50 {
			t.Errorf("%d crashes logged", n)
		}
	})
}

func TestWorkersThatEndBeforeTheyAreGivenARequestAreStartedLessAndLessOften(t *testing.T) {
	boot := func(n int) fakeBoot { return fakeBoot{leaves: true} }
	bubble(t, Config{Min: 1}, boot, func(t *testing.T, p *Pool, l *fakes, logs *observer.ObservedLogs) {
		pass(30 * time.Second)
		got := l.gaps()
		for i := range got { // its life is a millisecond
			got[i] = got[i].Round(10 * ms)
		}
		// The first time may be bad luck.
		if want := append([]time.Duration{0}, doubling...); len(got) < 8 || len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			t.Errorf("the pauses were %v; want %v", got, want)
		}
	})
}

// Whoever kills idle workers keeps nobody from being served: those who wait, wait as the queue says.
func TestRequestsWaitForWorkersThatWereKilledBeforeTheyWereGivenOne(t *testing.T) {
	boot := func(n int) fakeBoot { return fakeBoot{leaves: n <= 5} }
	bubble(t, Config{Min: 1}, boot, func(t *testing.T, p *Pool, l *fakes, logs *observer.ObservedLogs) {
		pass(time.Second) // five have been killed, and the next start is 0.5 s away
		begin := time.Now()
		if got := ask(t, p, "answer", "mine"); got != "mine" {
			t.Errorf("got %q", got)
		}
		if took := time.Since(begin); took < 100*ms || took > 5*time.Second {
			t.Errorf("it waited for %s", took)
		}
	})
}

// A request that has lost its worker waits for another one as any other does: the time at the lost worker
// was no waiting.
func TestWhoHasLostItsWorkerWaitsAsAnyOther(t *testing.T) {
	for name, c := range map[string]struct {
		boot time.Duration // of the next worker
		want error
	}{
		"not for long": {1900 * ms, nil},
		"too long":     {2100 * ms, ErrQueueTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			boot := func(n int) fakeBoot {
				if n == 1 {
					return fakeBoot{}
				}
				return fakeBoot{wait: c.boot}
			}
			bubble(t, Config{Min: 1, QueueTimeout: 2 * time.Second}, boot, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
				r := send(p, t.Context(), repeatable("wait 6s; answer", "again"))
				pass(5 * time.Second)
				l.all[0].Kill()
				got := receive(t, r)
				if !errors.Is(got.err, c.want) {
					t.Errorf("got %v; want %v", got.err, c.want)
				}
				if got.err == nil {
					if body := got.body(t); body != "again" {
						t.Errorf("got %q", body)
					}
				}
				pass(time.Second)
			})
		})
	}
}

func TestACrashAfterGoodWorkIsMendedAtOnce(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		for i := range 10 {
			ask(t, p, "answer")
			if _, err := p.Exec(t.Context(), script("exit 139")); err == nil {
				t.Fatal("answered")
			}
			synctest.Wait()
			if l.count() != i+2 {
				t.Fatalf("%d starts after %d crashes", l.count(), i+1)
			}
		}
	})
}

func TestARequestWaitsNoLongerThanTheQueueTimeout(t *testing.T) {
	bubble(t, Config{Min: 1, QueueTimeout: 3 * time.Second}, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		busy := send(p, t.Context(), script("wait 10s; answer"))
		synctest.Wait()
		begin := time.Now()
		_, err := p.Exec(t.Context(), script("answer"))
		if waited := time.Since(begin); !errors.Is(err, ErrQueueTimeout) || waited < 3*time.Second || waited > 3*time.Second+2*queueTick {
			t.Errorf("after %s: %v", waited, err)
		}
		if n := p.Stats().QueueTimeout; n != 1 {
			t.Errorf("%d requests are counted", n)
		}
		(<-busy).body(t)
	})
}

func TestARequestTimeoutIsExact(t *testing.T) {
	c := Config{Min: 1, RequestTimeout: 5 * time.Second}
	bubble(t, c, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		begin := time.Now()
		ask(t, p, "wait 4999ms; answer")
		turn, err := p.Exec(t.Context(), script("deaf; wait 1h; answer"))
		if took := time.Since(begin); !errors.Is(err, ErrTimeout) || took != 9999*ms+lastWordsOf(ReasonTimeout) {
			t.Errorf("%v, %v after %s", turn, err, took)
		}
		pass(2 * time.Second)
		f := l.all[0]
		if f.timedUp.Sub(begin) != 9999*ms || f.asked.Sub(begin) != 10499*ms || f.killed.Sub(begin) != 10999*ms {
			t.Errorf("asked where it is after %s, SIGTERM after %s, SIGKILL after %s; want them at once, and half a second and a second later",
				f.timedUp.Sub(begin), f.asked.Sub(begin), f.killed.Sub(begin))
		}
		ask(t, p, "answer")
	})
}

func TestABootTimeoutIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakes{boot: func(int) fakeBoot { return fakeBoot{mute: true} }}
		p, err := newPool(Config{Command: []string{"fake"}, Min: 1, BootTimeout: 7 * time.Second}, unstarted(t, self(1)).Log(), Events{}, l.launcher)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		err = p.Start(t.Context())
		if took := time.Since(begin); !errors.Is(err, errBootTimeout) || took != 7*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		synctest.Wait()
	})
}

func TestWorkersAreAskedForHalfOfTheStopTimeoutAndKilledAtItsEnd(t *testing.T) {
	bubble(t, Config{Min: 1, StopTimeout: 8 * time.Second}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		ask(t, p, "deaf; answer")
		begin := time.Now()
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		f := l.all[0]
		if f.stopped != begin || f.asked.Sub(begin) != 4*time.Second || f.killed.Sub(begin) != 8*time.Second {
			t.Errorf("stop frame after %s, SIGTERM after %s, SIGKILL after %s", f.stopped.Sub(begin), f.asked.Sub(begin), f.killed.Sub(begin))
		}
	})
}

func TestAnIdleWorkerAboveTheMinimumGoesAfterItsTime(t *testing.T) {
	c := Config{Min: 1, Max: 3, IdleTimeout: time.Minute}
	bubble(t, c, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { ask(t, p, "wait 1s; answer") })
		}
		wg.Wait()
		synctest.Wait()
		if n := inState(p, StateIdle); n != 3 {
			t.Fatalf("%d workers", n)
		}
		// The one used last stays warm; the others have their time.
		pass(30 * time.Second)
		ask(t, p, "answer")
		pass(29 * time.Second)
		if n := inState(p, StateIdle); n != 3 {
			t.Errorf("%d workers before the time is over", n)
		}
		pass(1100 * ms)
		if n := inState(p, StateIdle); n != 1 {
			t.Errorf("%d workers after it", n)
		}
		pass(time.Hour)
		if n := inState(p, StateIdle); n != 1 {
			t.Errorf("%d workers after an hour; want the minimum", n)
		}
		booked(t, p, 2, ReasonIdle)
	})
}

func TestAWorkerThatIsTooOldIsReplacedBeforeItGoes(t *testing.T) {
	c := Config{Min: 2, MaxLifetime: time.Hour}
	boot := func(int) fakeBoot { return fakeBoot{wait: time.Second} }
	bubble(t, c, boot, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		for range 60 * 60 * 4 / 10 {
			if n := inState(p, StateIdle); n < 2 && l.count() > 2 {
				t.Fatalf("%d workers serve", n)
			}
			pass(10 * time.Second)
		}
		if n := restarts(p, ReasonMaxLifetime); n < 6 || n > 8 {
			t.Errorf("%d of two workers were replaced within four hours", n)
		}
		booked(t, p, restarts(p, ReasonMaxLifetime), ReasonMaxLifetime)
	})
}

func TestABurstStartsSeveralWorkersAtOnceButNotAll(t *testing.T) {
	boot := func(int) fakeBoot { return fakeBoot{wait: 300 * ms} }
	bubble(t, Config{Min: 1, Max: 12}, boot, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		var wg sync.WaitGroup
		for range 60 {
			wg.Go(func() { ask(t, p, "wait 1s; answer") })
		}
		most := 0
		for range 3000 {
			most = max(most, inState(p, StateBooting))
			pass(ms)
		}
		wg.Wait()
		if most != (&fakes{}).Traits().AtOnce {
			t.Errorf("%d workers started at once, want %d", most, (&fakes{}).Traits().AtOnce)
		}
		if n := l.count(); n != 12 {
			t.Errorf("%d starts for 60 requests, want the maximum", n)
		}
	})
}

func TestWorkersThatStartedTogetherDoNotLeaveTogether(t *testing.T) {
	const workers = 20
	bubble(t, Config{Min: workers, MaxLifetime: time.Hour}, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		pass(53 * time.Minute)
		if n := restarts(p, ReasonMaxLifetime); n != 0 {
			t.Errorf("%d workers left before nine tenths of their time", n)
		}
		before, most := int64(0), int64(0)
		for range 3 * 8 { // until 61 minutes
			pass(20 * time.Second)
			now := restarts(p, ReasonMaxLifetime)
			most, before = max(most, now-before), now
		}
		if before != workers {
			t.Errorf("after an hour %d of %d workers have left", before, workers)
		}
		if most > workers/2 { // 18 spans of 20 s each: by chance once in a billion runs
			t.Errorf("%d of %d workers left within 20 s", most, workers)
		}
	})
}

func TestTheNextWorkerIsStartedWhenARequestHasWaited(t *testing.T) {
	boot := func(int) fakeBoot { return fakeBoot{wait: 500 * ms} }
	bubble(t, Config{Min: 1, Max: 2}, boot, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		var wg sync.WaitGroup
		for range 2 { // as long as it waits only shortly, nothing happens
			wg.Go(func() { ask(t, p, "wait 15ms; answer") })
		}
		wg.Wait()
		pass(time.Second)
		if n := l.count(); n != 1 {
			t.Fatalf("%d starts for a short wait", n)
		}
		begin := time.Now()
		for range 9 {
			wg.Go(func() { ask(t, p, "wait 2s; answer") })
		}
		wg.Wait()
		if n := l.count(); n != 2 {
			t.Errorf("%d starts; want one more and no storm", n)
		}
		if after := l.started[1].Sub(begin); after < growAfter || after > growAfter+2*queueTick {
			t.Errorf("the second worker was started after %s", after)
		}
	})
}

func TestWorkersWithoutALoopAreReportedOnceAMinute(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, _ *fakes, logs *observer.ObservedLogs) {
		for i := range 150 {
			if got := ask(t, p, "answer; exit 0", fmt.Sprint(i)); got != fmt.Sprint(i) {
				t.Errorf("request %d got %q", i, got)
			}
			pass(time.Second)
		}
		if n := logs.FilterMessageSnippet("it needs a loop").Len(); n != 3 {
			t.Errorf("%d warnings in two and a half minutes; want 3", n)
		}
	})
}

func TestAStopFrameIsOutBeforeTheNextRequest(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		for i := range 500 {
			turn := open(t, p, "chunk; answer")
			var wg sync.WaitGroup
			wg.Go(turn.Cancel)
			whole(t, turn)
			ask(t, p, "answer", fmt.Sprint("next ", i))
			wg.Wait()
			synctest.Wait()
		}
		got := l.all[0].requests
		for i, what := range got {
			if what == "stop" && i > 0 && got[i-1] != "" {
				t.Fatalf("the stop frame came behind %q", got[i-1])
			}
		}
	})
}
