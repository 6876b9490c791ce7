//go:build !race

package workerpool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
)

func TestNoWorkerIsReplacedWhileTheNextGenerationIsPrepared(t *testing.T) {
	for _, c := range []Config{{Min: 2, Max: 2}, {Min: 0, Max: 1, IdleTimeout: time.Second}} {
		l := &fakes{}
		c.Begin = counted
		bubbleOf(t, c, l, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
			began := restartPrepared(p, l, func() <-chan time.Time { return time.After(time.Minute) })
			before := l.count()
			ask(t, p, "answer", "meanwhile")
			pass(30 * time.Second)
			if n := l.count() - before; n > 1-min(1, c.Min) {
				t.Errorf("%d workers were started", n)
			}
			if err := (<-began).outcome(t); err != nil || p.Common() != 2 {
				t.Errorf("%v, and generation %v is the newest", err, p.Common())
			}
		})
	}
}

func TestAWorkerOfBeforeThatDoesNotBootEndsNoRestart(t *testing.T) {
	l := &fakes{boot: func(n int) fakeBoot { return fakeBoot{dies: n == 2} }}
	bubbleOf(t, Config{Min: 1, Max: 1, MaxRequests: 1, Begin: counted}, l, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		prepared := make(chan time.Time)
		began := restartPrepared(p, l, func() <-chan time.Time { return prepared })
		ask(t, p, "answer", "the last of this worker")
		synctest.Wait()
		if l.count() != 2 {
			t.Errorf("%d workers were started", l.count())
		}
		close(prepared)
		if err := (<-began).outcome(t); err != nil || p.Common() != 2 {
			t.Errorf("%v, and generation %v is the newest", err, p.Common())
		}
	})
}

// restartPrepared begins a restart whose generation is ready when what until returns is, and waits until that is being prepared.
func restartPrepared(p *Pool, l *fakes, until func() <-chan time.Time) <-chan *Rollout {
	l.renew = func(ctx context.Context) (launch.Launcher, error) {
		select {
		case <-until():
			return l, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	began := make(chan *Rollout, 1)
	go func() {
		r, err := p.Restart(ReasonRestart)
		check(err)
		began <- r
	}()
	synctest.Wait()
	return began
}
