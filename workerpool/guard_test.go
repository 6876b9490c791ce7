package workerpool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const hostEnv = "WORKERPOOL_TEST_HOST" // the workers' command, a line for each word

// runHost owns a pool with one busy worker until somebody kills it.
func runHost() {
	c := self(2)
	c.Command = strings.Split(os.Getenv(hostEnv), "\n")
	p, err := New(c, zap.NewNop(), Events{})
	check(err)
	check(p.Start(context.Background()))
	_, err = p.Exec(context.Background(), script("ignore term; ignore stop; fork "+os.Getenv(gateEnv)+"; visit "+os.Getenv(gateEnv)))
	check(fmt.Errorf("the request came to an end: %w", err))
}

func TestNothingIsLeftOneSecondAfterTheProgramWasKilled(t *testing.T) {
	for name, command := range map[string][]string{
		"direct":  {os.Args[0]},
		"wrapper": {"/bin/sh", "-c", `"$0" & wait`, os.Args[0]},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			host := exec.Command(os.Args[0])
			host.Env = append(os.Environ(), roleEnv+"=host", gateEnv+"="+g.path, hostEnv+"="+strings.Join(command, "\n"))
			host.Stderr = os.Stderr
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			// The busy worker and what it has started.
			one, other := g.next(t), g.next(t)
			if err := host.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			one.dies(t, time.Second)
			other.dies(t, time.Second)
			_ = host.Wait()
		})
	}
}

func TestTheGuardIsStartedAnewWhenSomebodyKillsIt(t *testing.T) {
	start(t, self(1))
	guard.mu.Lock()
	before := guard.pipe
	// The end of the guard shows when its pipe breaks.
	before.Close()
	guard.mu.Unlock()

	p := start(t, self(1))
	guard.mu.Lock()
	defer guard.mu.Unlock()
	if guard.pipe == nil || guard.pipe == before {
		t.Fatal("no new guard was started")
	}
	for pid := range pids(p) {
		if _, known := guard.groups[pid]; !known {
			t.Errorf("the guard was not told of worker %d", pid)
		}
		if group, err := unix.Getpgid(pid); err != nil || group != pid {
			t.Errorf("worker %d is in group %d (%v); want one of its own", pid, group, err)
		}
	}
}
