package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// leftovers are the stacks of goroutines of this package, and of the rooms below it, that no test runs. The
// thread that starts processes and the waiter for the watchdog live on.
func leftovers() (left []string) {
	buf := make([]byte, 4<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		switch {
		case !strings.Contains(stack, "/workerpool"), strings.Contains(stack, "testing.tRunner("), strings.Contains(stack, "TestMain("):
		case strings.Contains(stack, "locked to thread"), strings.Contains(stack, "process.startWatchdog"):
		default:
			left = append(left, stack)
		}
	}
	return left
}

// expected reports whether the chaos around it explains the error.
func expected(err error) bool {
	var lost *WorkerError
	var soft *SoftError
	var unavailable *UnavailableError
	return errors.As(err, &lost) || errors.As(err, &soft) || errors.As(err, &unavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrQueueTimeout) || errors.Is(err, ErrClosed) ||
		errors.Is(err, io.ErrUnexpectedEOF) // within a large frame
}

// chaos sends one request of a random kind, and proves that an answer is its own.
func chaos(t *testing.T, p *Pool, r *rand.Rand, steps []string, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if r.IntN(10) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(5000))*time.Microsecond)
		defer cancel()
	}
	kind := steps[r.IntN(len(steps))]
	req := script(kind, id)
	req.Repeatable = r.IntN(2) == 0
	turn, err := p.Exec(ctx, req)
	if err != nil {
		if !expected(err) {
			t.Errorf("%s: %v", kind, err)
		}
		return
	}
	defer turn.Close()
	if strings.HasPrefix(kind, "answer") && string(turn.Frame.Body()) != id {
		t.Errorf("%q was answered with %q", id, turn.Frame.Body())
	}
	switch r.IntN(4) {
	case 0: // closed in the middle
	case 1:
		turn.Cancel()
		fallthrough
	default:
		for err == nil && r.IntN(10) > 0 {
			if _, err = io.Copy(io.Discard, &turn.Frame); err == nil {
				err = turn.Next()
			}
		}
		if err != nil && err != io.EOF && !expected(err) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestChaosLeavesNothingBehind(t *testing.T) {
	end(t, start(t, self(1))) // what stays for good is there now
	files := openFiles(t)
	c := self(3)
	c.Max, c.MaxRequests, c.MaxRequestsJitter, c.MaxInMemory = 5, 60, 50, 20_000
	c.StopTimeout, c.DrainTimeout, c.StreamIdleTimeout = time.Second, time.Second, 2*time.Second
	p := start(t, c)
	steps := []string{
		"answer", "answer", "answer; sometimes-late", "answer; say noise", "answer; stop", "answer; exit 0", "error oops",
		"chunks 30", "flood", "big 300000", "chunk half; exit 3", "moan dying; exit 255", "stop",
	}
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(client), 1))
			for i := range 150 {
				chaos(t, p, r, steps, fmt.Sprintf("client %d request %d", client, i))
				if err := invariants(p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		r := rand.New(rand.NewPCG(99, 1))
		for range 60 {
			deep(p)
			workers := p.Stats().Workers
			pid := 0
			if len(workers) > 0 {
				pid = workers[r.IntN(len(workers))].PID
			}
			switch r.IntN(5) {
			case 0:
				if rollout, err := p.Restart(ReasonRestart); err == nil {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(200))*time.Millisecond)
					_ = rollout.Wait(ctx)
					cancel()
				}
			case 1:
				if pid > 0 && pids(p)[pid] {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			case 2:
				_ = p.Retire(pid, r.IntN(2) == 0)
			case 3:
				low := 1 + r.IntN(3)
				_ = p.Scale(low, low+r.IntN(3))
			default:
				_ = p.Scale(3, 5)
			}
		}
	})
	wg.Wait()
	// It may take a moment until workers are started again after so many crashes.
	eventually(t, "the pool serves again", func() bool {
		turn, err := p.Exec(t.Context(), script("answer"))
		if err == nil {
			turn.Close()
		}
		return err == nil
	})
	end(t, p)
	eventually(t, "all files are closed", func() bool { return openFiles(t) <= files })
	var left []string
	eventually(t, "all goroutines have ended", func() bool { left = leftovers(); return len(left) == 0 })
	if children := children(t); len(children) > 0 {
		t.Errorf("processes left: %v", children)
	}
}

// children are this process's child processes, but for the watchdog.
func children(t *testing.T) (left []string) {
	t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", syscall.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for pid := range strings.FieldsSeq(string(list)) {
		command, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if !strings.Contains(string(command), "php_worker-watchdog") {
			left = append(left, pid)
		}
	}
	return left
}
