//go:build !race

package workerpool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestCloseAmidChaosForgetsNoRequest(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			l := &fakes{}
			c := Config{Command: []string{"fake"}, Min: 2, Max: 3, MaxRequests: 5, QueueTimeout: 20 * time.Second}
			p, err := newPool(c, zap.NewNop(), Events{}, l.launcher)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			steps := []string{
				"answer", "answer; exit 1", "answer; wait 3ms", "answer; wait 50ms; exit 1", "wait 2ms; answer", "exit 3", "answer; stop",
				"chunk; wait 1ms; answer", "chunk; wait 1ms; exit 9", "stop", "answer; answer",
			}
			var wg sync.WaitGroup
			for client := range uint64(6) {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, client))
					for i := range 12 {
						chaos(t, p, r, steps, fmt.Sprint(client, " ", i))
						<-time.After(time.Duration(r.IntN(4)) * time.Millisecond)
					}
				})
			}
			r := rand.New(rand.NewPCG(seed, 99))
			for range 3 {
				<-time.After(time.Duration(r.IntN(40)) * time.Millisecond)
				_, _ = p.Restart(ReasonRestart)
				for pid := range pids(p) {
					_ = p.Retire(pid, r.IntN(2) == 0)
					break
				}
			}
			begin := time.Now()
			if err := p.Close(context.Background()); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			wg.Wait()
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("seed %d: it took %s until everybody had an answer", seed, took)
			}
			synctest.Wait()
			balanced(t, p)
		})
	}
}
