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
		p, err := newPool(Config{Command: []string{"fake"}, Min: 1, Max: 1}, zap.NewNop(), Events{}, (&fakes{}).launch)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		release := p.Hold()
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
		p.Hold()() // too late, and harmless
		if _, err := p.Exec(t.Context(), script("answer")); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		synctest.Wait()
		balanced(t, p)
	})
}
