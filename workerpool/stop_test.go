package workerpool

import (
	"context"
	"errors"
	"testing"
	"time"
)

// stop begins to stop the pool and returns where its outcome comes.
func stop(p *Pool) <-chan error {
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop(context.Background()) }()
	return stopped
}

func TestStopDoesNotWaitForAReaderThatStalls(t *testing.T) {
	for name, steps := range map[string]string{"stream": "flood", "large answer": "big 3000000"} {
		t.Run(name, func(t *testing.T) {
			c := self(1)
			c.StopTimeout, c.MaxInMemory = 300*time.Millisecond, 1000
			p := start(t, c)
			turn := open(t, p, steps) // and never read
			defer turn.Close()
			begin := time.Now()
			if err := receive(t, stop(p)); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestStopCutsWhatIsInFlightAndTurnsAwayWhatWaits(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	under := send(p, t.Context(), script("visit "+g.path+"; answer"))
	g.next(t)
	waiting := send(p, t.Context(), script("answer"))
	queued(t, p, 1)
	if err := receive(t, stop(p)); err != nil {
		t.Error(err)
	}
	if r := receive(t, under); !errors.Is(r.err, ErrCut) {
		t.Errorf("in flight: %v", r.err)
	}
	if r := receive(t, waiting); !errors.Is(r.err, ErrClosed) {
		t.Errorf("waiting: %v", r.err)
	}
}

func TestStopKillsWhatBoots(t *testing.T) {
	c, g := self(1), newGate(t)
	c.BootTimeout, c.StopTimeout = time.Hour, time.Hour
	c.Env[bootEnv] = "visit " + g.path
	p := unstarted(t, c)
	enough := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	started := make(chan error, 1)
	go func() { started <- p.Start(ctx) }()
	v := g.next(t)
	cancel(enough)
	if err := receive(t, started); err != enough {
		t.Errorf("Start returned %v", err)
	}
	if err := receive(t, stop(p)); err != nil {
		t.Error(err)
	}
	v.dies(t, patience)
}

func TestStopLeavesAReaderItsTimeForWhatTheWorkerSaidLast(t *testing.T) {
	c, g := self(1), newGate(t)
	c.MaxInMemory, c.StopTimeout = 1000, time.Minute
	p := start(t, c)
	turn := open(t, p, "call "+g.path+"; big 100000; exit 0")
	g.next(t).dies(t, patience)
	stopped := stop(p)
	eventually(t, "all workers are booked as ended", func() bool { return len(p.Stats().Workers) == 0 })
	select {
	case <-stopped:
		t.Error("nobody waited for the reader")
	case <-time.After(50 * time.Millisecond):
	}
	if got := len(whole(t, turn)); got != 100000 {
		t.Errorf("%d of 100000 bytes came", got)
	}
	if err := receive(t, stopped); err != nil {
		t.Error(err)
	}
}
