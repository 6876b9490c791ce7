//go:build !race

package workerpool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
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
