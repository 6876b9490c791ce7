//go:build !race

package workerpool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
)

func TestARequestOnItsWayKeepsAClosingPoolOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newPool(Config{Command: []string{"fake"}, Min: 1, Max: 1}, zap.NewNop(), Events{}, (&fakes{}).launcher)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		release := p.Reserve()
		closed := make(chan error, 1)
		go func() { closed <- p.Close(context.Background()) }()
		pass(time.Minute)
		if got := ask(t, p, "answer", "late"); got != "late" {
			t.Errorf("the answer is %q", got)
		}
		pass(time.Minute)
		select {
		case err := <-closed:
			t.Errorf("the pool closed before it was let go: %v", err)
		default:
		}
		release()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		p.Reserve()() // too late, and harmless
		if _, err := p.Exec(t.Context(), script("answer")); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		synctest.Wait()
		balanced(t, p)
	})
}

// Each reload may leave such a pool behind.
func TestAClosingPoolKeepsAsManyWorkersAsItsOpenRequestsCanNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newPool(Config{Command: []string{"fake"}, Min: 4, Max: 8}, zap.NewNop(), Events{}, (&fakes{}).launcher)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		keeps := func(n int) {
			t.Helper()
			pass(time.Minute)
			if got := len(p.Stats().Workers); got != n {
				t.Errorf("it has %d workers, want %d", got, n)
			}
		}
		upload, another := p.Reserve(), p.Reserve()
		closed := make(chan error, 1)
		keeps(4)
		go func() { closed <- p.Close(context.Background()) }()
		keeps(2)
		for range 3 { // that nobody announced
			if got := ask(t, p, "answer", "late"); got != "late" {
				t.Errorf("the answer is %q", got)
			}
		}
		another()
		keeps(1)
		if got := ask(t, p, "answer", "uploaded"); got != "uploaded" {
			t.Errorf("the answer is %q", got)
		}
		upload()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		balanced(t, p)
	})
}

// launching is a launcher whose processes come when came is closed.
type launching struct {
	*fakes
	came chan struct{}
}

func (l launching) Launch(o launch.Order) (launch.Worker, error) {
	<-l.came
	return l.fakes.Launch(o)
}

func TestNobodyIsSignaledInPlaceOfAWorkerThatHasNoProcessYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := launching{&fakes{}, make(chan struct{})}
		p, err := newPool(Config{Command: []string{"fake"}, Min: 1, Max: 1}, zap.NewNop(), Events{},
			func(launch.Settings) (launch.Launcher, error) { return l, nil })
		if err != nil {
			t.Fatal(err)
		}
		started := make(chan error, 1)
		go func() { started <- p.Start(t.Context()) }()
		synctest.Wait()
		if workers := p.Stats().Workers; len(workers) != 1 || workers[0].PID != 0 {
			t.Fatalf("the workers are %+v", workers)
		}
		if got := pids(p); len(got) != 0 {
			t.Errorf("the processes are %v", got)
		}
		close(l.came)
		if err := <-started; err != nil {
			t.Fatal(err)
		}
		if got := pids(p); len(got) != 1 {
			t.Errorf("the processes are %v", got)
		}
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
