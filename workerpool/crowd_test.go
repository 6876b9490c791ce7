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

const (
	crowded    = "requests wait: all workers are busy, and the pool is at its maximum"
	notCrowded = "no request waits any more"
)

func TestAPoolAtItsMaximumSaysSoOnce(t *testing.T) {
	bubble(t, Config{Min: 1, Max: 2}, nil, func(t *testing.T, p *Pool, _ *fakes, logs *observer.ObservedLogs) {
		var all []<-chan result
		for range 2 {
			all = append(all, send(p, t.Context(), script("wait 20s; answer")))
		}
		pass(5 * time.Second)
		if logs.FilterMessage(crowded).Len() != 0 {
			t.Error("nobody waits")
		}
		for range 3 {
			all = append(all, send(p, t.Context(), script("wait 5s; answer")))
		}
		pass(crowdedAfter - ms)
		if logs.FilterMessage(crowded).Len() != 0 {
			t.Error("nobody has waited for long")
		}
		pass(10 * time.Second)
		if said := logs.FilterMessage(crowded).All(); len(said) != 1 {
			t.Errorf("it is said %d times", len(said))
		} else if f := said[0].ContextMap(); f["max"] != int64(2) || f["waiting"] != int64(3) || f["longest_request"].(time.Duration) < 5*time.Second {
			t.Errorf("it is said with %v", f)
		}
		for _, r := range all {
			(<-r).body(t)
		}
		pass(ms)
		if said := logs.FilterMessage(notCrowded).All(); len(said) != 1 {
			t.Errorf("its end is said %d times", len(said))
		}
	})
}

func TestAPoolThatIsCrowdedAgainAndAgainSaysSoOnceAMinute(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, _ *fakes, logs *observer.ObservedLogs) {
		for range 179 {
			first := send(p, t.Context(), script("wait 500ms; answer"))
			synctest.Wait()
			second := send(p, t.Context(), script("wait 500ms; answer"))
			(<-first).body(t)
			(<-second).body(t)
		}
		if n := logs.FilterMessage(crowded).Len(); n != 3 {
			t.Errorf("in three minutes it is said %d times", n)
		}
		if n := logs.FilterMessage(notCrowded).Len(); n != 3 {
			t.Errorf("in three minutes its end is said %d times", n)
		}
	})
}

func TestAPoolThatGrowsIsNotAtItsMaximum(t *testing.T) {
	boot := func(int) fakeBoot { return fakeBoot{wait: 10 * time.Second} }
	bubble(t, Config{Min: 1, Max: 3}, boot, func(t *testing.T, p *Pool, _ *fakes, logs *observer.ObservedLogs) {
		first := send(p, t.Context(), script("wait 5s; answer"))
		second := send(p, t.Context(), script("answer"))
		(<-first).body(t)
		(<-second).body(t)
		if n := logs.FilterMessage(crowded).Len(); n != 0 {
			t.Errorf("said %d times", n)
		}
	})
}

func TestTheErrorOfAFullQueueTellsItsSize(t *testing.T) {
	bubble(t, Config{Min: 1, QueueSize: 1, QueueTimeout: 3 * time.Second}, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		first := send(p, t.Context(), script("wait 5s; answer"))
		synctest.Wait()
		second := send(p, t.Context(), script("answer"))
		synctest.Wait()
		_, err := p.Exec(t.Context(), script("answer"))
		if !errors.Is(err, ErrQueueFull) || err.Error() != "queue is full: requests waiting: 1, workers: 1" {
			t.Errorf("got %v", err)
		}
		if err := (<-second).err; !errors.Is(err, ErrQueueTimeout) || !strings.Contains(err.Error(), "(3s)") {
			t.Errorf("got %v", err)
		}
		(<-first).body(t)
	})
}
