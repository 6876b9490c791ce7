package workerpool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/zap"
)

const classicEnv = "WORKERPOOL_TEST_CLASSIC" // the script that a classic pool is to run instead

const hostEnv = "WORKERPOOL_TEST_HOST" // the workers' command, a line for each word

// runHost owns a pool with one busy worker until somebody kills it.
func runHost() {
	c := self(2)
	c.Command = strings.Split(os.Getenv(hostEnv), "\n")
	if script := os.Getenv(classicEnv); script != "" {
		runClassicHost(c.Command, script)
	}
	p, err := New(c, zap.NewNop(), Events{})
	check(err)
	check(p.Start(context.Background()))
	gate := os.Getenv(gateEnv)
	if len(c.Command) == 1 { // one that its worker has left behind, in order; of a wrapper all ends with it
		_, err = p.Exec(context.Background(), script("answer; fork-away "+gate+"; exit 0"))
		check(err)
	}
	_, err = p.Exec(context.Background(), script("ignore term; ignore stop; fork "+gate+"; fork-away "+gate+"; visit "+gate))
	check(fmt.Errorf("the request came to an end: %w", err))
}

func TestNothingIsLeftOneSecondAfterTheProgramWasKilled(t *testing.T) {
	for name, command := range map[string][]string{
		"direct":  {player},
		"wrapper": {"/bin/sh", "-c", `"$0" & wait`, player},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			host := exec.Command(os.Args[0])
			host.Env = append(os.Environ(), roleEnv+"=host", gateEnv+"="+g.path, hostEnv+"="+strings.Join(command, "\n"))
			host.Stderr = os.Stderr
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			// The busy worker and what it has started, and what another one has left behind.
			all := []*visitor{g.next(t), g.next(t), g.next(t)}
			if name == "direct" {
				all = append(all, g.next(t))
			}
			if err := host.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for _, v := range all {
				v.dies(t, patience)
			}
			_ = host.Wait()
		})
	}
}
