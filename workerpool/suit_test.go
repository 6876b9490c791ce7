//go:build !race

package workerpool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
)

// counted numbers the generations.
func counted(before any) any {
	n, _ := before.(int)
	return n + 1
}

// suited is a request whose answer is the number of the generation that answers.
func suited() *Request {
	return &Request{Repeatable: true, Suit: func(common any) ([]byte, error) {
		return script("answer", string(rune('0'+common.(int)))).Frame, nil
	}}
}

func TestARequestIsMadeForTheGenerationThatAnswers(t *testing.T) {
	boot := func(n int) fakeBoot {
		if n > 1 {
			return fakeBoot{wait: time.Second}
		}
		return fakeBoot{}
	}
	bubble(t, Config{Min: 1, Begin: counted}, boot, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		want := func(answer string, newest int) {
			t.Helper()
			turn, err := p.Exec(t.Context(), suited())
			if err != nil {
				t.Fatal(err)
			}
			if got := whole(t, turn); got != answer || p.Common() != newest {
				t.Errorf("generation %s answers, and %v is the newest; want %s and %d", got, p.Common(), answer, newest)
			}
		}
		want("1", 1)
		r := begin(t, p)
		synctest.Wait()
		want("1", 2) // the new worker boots
		pass(2 * time.Second)
		if err := r.outcome(t); err != nil {
			t.Fatal(err)
		}
		want("2", 2)
		restart(t, p)
		want("3", 3)
	})
}

func TestARequestThatWaitsIsMadeForWhoeverTakesIt(t *testing.T) {
	bubble(t, Config{Min: 1, Max: 1, Begin: counted}, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		long := send(p, t.Context(), script("wait 10s; answer"))
		synctest.Wait()
		waits := send(p, t.Context(), suited())
		synctest.Wait()
		r := begin(t, p)
		synctest.Wait()
		if got := receive(t, waits).body(t); got != "2" {
			t.Errorf("generation %s answers what has waited", got)
		}
		receive(t, long).body(t)
		if err := r.outcome(t); err != nil {
			t.Fatal(err)
		}
	})
}

func TestARequestThatSuitsNoGenerationLeavesItsWorkerFree(t *testing.T) {
	bubble(t, Config{Min: 1, Max: 1, Begin: counted}, nil, func(t *testing.T, p *Pool, l *fakes, _ *observer.ObservedLogs) {
		no := errors.New("no")
		for range 3 {
			if _, err := p.Exec(t.Context(), &Request{Suit: func(any) ([]byte, error) { return nil, no }}); err != no {
				t.Fatalf("got %v", err)
			}
			if got := ask(t, p, "answer", "another's"); got != "another's" {
				t.Errorf("the next request was answered with %q", got)
			}
		}
		if l.count() != 1 {
			t.Errorf("%d workers were started", l.count())
		}
	})
}

func TestARestartThatFailsLeavesWhatTheWorkersHaveInCommon(t *testing.T) {
	l := &fakes{}
	bubbleOf(t, Config{Min: 1, Begin: counted}, l, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		l.renew = func(context.Context) (launch.Launcher, error) { return nil, errors.New("no") }
		if err := begin(t, p).outcome(t); err == nil || p.Common() != 1 {
			t.Errorf("%v, and generation %v is the newest", err, p.Common())
		}
	})
}
