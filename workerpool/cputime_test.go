//go:build !race

package workerpool

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest/observer"
)

var halfAMinute = Config{Min: 1, MaxExecutionTime: 30 * time.Second}

func TestARequestThatUsesUpItsCPUTimeFailsAndIsNotRepeated(t *testing.T) {
	bubble(t, halfAMinute, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		pass(time.Hour) // the worker is not new
		begin := time.Now()
		_, err := p.Exec(t.Context(), repeatable("spin; wait 24h; answer"))
		if took := time.Since(begin); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("it took %s", took)
		}
		lost := as[*WorkerError](t, err)
		if !errors.Is(err, ErrCPUTime) || !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "max_execution_time") {
			t.Errorf("got %v", lost)
		}
		if f := l.all[0]; f.timedUp.IsZero() || f.asked.IsZero() || len(f.requests) != 1 {
			t.Errorf("the worker was asked where it is: %s, and to end: %s", f.timedUp, f.asked)
		}
		booked(t, p, 1, ReasonTimeout)
		if got := ask(t, p, "answer", "the next"); got != "the next" || len(l.all[1].requests) != 1 {
			t.Errorf("got %q; the second worker had %q", got, l.all[1].requests)
		}
	})
}

func TestTimeThatIsOnlyWaitedForIsNoCPUTime(t *testing.T) {
	bubble(t, halfAMinute, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		if got := ask(t, p, "spin; wait 20s; spin off; wait 24h; answer", "late"); got != "late" {
			t.Errorf("got %q", got)
		}
	})
}

func TestEachRequestHasItsOwnCPUTime(t *testing.T) {
	bubble(t, halfAMinute, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		for range 50 {
			ask(t, p, "spin; wait 20s; spin off; answer")
		}
		if l.count() != 1 {
			t.Errorf("%d workers were needed", l.count())
		}
	})
}

func TestWorkAfterTheAnswerHasABoundToo(t *testing.T) {
	bubble(t, halfAMinute, nil, func(t *testing.T, p *Pool, _ *fakes, logs *observer.ObservedLogs) {
		if got := ask(t, p, "answer; spin", "done"); got != "done" {
			t.Errorf("got %q", got)
		}
		pass(40 * time.Second)
		booked(t, p, 1, ReasonTimeout)
		if n := logs.FilterMessageSnippet("its CPU time was used up").Len(); n != 1 {
			t.Errorf("it is said %d times", n)
		}
	})
}

func TestAnIdleWorkerMayUseALittleCPUTimeForAsLongAsItLives(t *testing.T) {
	bubble(t, halfAMinute, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		ask(t, p, "answer")
		for range 1000 {
			l.all[0].spin(true)
			pass(100 * ms)
			l.all[0].spin(false)
			pass(time.Second)
		}
		if l.count() != 1 {
			t.Errorf("%d workers were needed", l.count())
		}
	})
}

func TestWithoutALimitARequestMayUseAnyCPUTime(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		answer := send(p, t.Context(), script("spin; wait 24h; answer", "late"))
		synctest.Wait()
		if got := (<-answer).body(t); got != "late" {
			t.Errorf("got %q", got)
		}
	})
}
