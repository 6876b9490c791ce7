//go:build linux

package process

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// restless is a script that becomes itself anew, by exec, as often as its argument says. While
// it does, it has no environment that others could read.
const restless = "#!/bin/sh\n[ $1 -gt 0 ] && exec \"$0\" $(($1 - 1))\n"

// large makes the environment of a shell large, so that exec takes longer.
const large = "A=$(printf %01000d 0); for n in 1 2 3 4 5 6 7 8 9; do export A$n=$A$A$A$A$A$A$A$A$A; done\n"

// rounds is how often a test tries to meet a process in a bad moment.
const rounds = 40

// scriptFile makes a file that can be executed.
func scriptFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWhoIsWithinExecWhenItsLeaderFailsEndsToo(t *testing.T) {
	script := scriptFile(t, restless)
	for name, environment := range map[string]string{
		"a small environment": "",
		"a large environment": large,
	} {
		t.Run(name, func(t *testing.T) {
			for n := range rounds {
				f := found(t, environment+strings.Repeat("setsid "+script+" 100000 &\n", 8), "exit 1")
				f.goOn()
				f.ends(t)
				if f.nobodyIsLeft(t); t.Failed() {
					t.Fatalf("in round %d", n)
				}
			}
		})
	}
}

// What Caddy leaves when it is killed has nobody but the watchdog to end it.
func TestTheWatchdogEndsWhoIsWithinExecToo(t *testing.T) {
	script := scriptFile(t, restless)
	for range rounds {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		mark := markName + "=" + rand.Text() + "-"
		t.Cleanup(func() { killMarked(mark + "1"); r.Close() })
		caddy := exec.Command("/bin/sh", "-c", large+"setsid "+script+" 100000 &")
		caddy.Env = []string{"PATH=" + os.Getenv("PATH"), mark + "1"}
		caddy.ExtraFiles = []*os.File{w}
		err = caddy.Run()
		if w.Close(); err != nil {
			t.Fatal(err)
		}
		watchdog := exec.Command("/bin/sh", "-c", watchdogScript, "watchdog", mark)
		watchdog.Env = []string{}
		if err := watchdog.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := watchdog.Wait(); err != nil {
				t.Error(err)
			}
			(&family{alive: r}).nobodyIsLeft(t)
		}()
	}
}

func TestWhatCanBeSeenOfAProcess(t *testing.T) {
	const mark = markName + "=of-this-test"
	sleep := func(environ ...string) int {
		cmd := exec.Command("/bin/sh", "-c", "read -r line")
		cmd.Env = append([]string{}, environ...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
		return cmd.Process.Pid
	}
	dead := exec.Command("/bin/sh", "-c", ":")
	if err := dead.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dead.Wait() }()
	if kept, _ := waitEnded(dead.Process.Pid); !kept {
		t.Fatal("the dead one is not kept")
	}
	for name, c := range map[string]struct {
		pid  int
		want sight
	}{
		"its only variable":         {sleep(mark), marked},
		"one of its variables":      {sleep("A=1", mark, "B=2"), marked},
		"the beginning of another":  {sleep(mark + "1"), unmarked},
		"the end of another":        {sleep("A=" + mark), unmarked},
		"no environment":            {sleep(), unmarked},
		"a large environment":       {sleep("A="+strings.Repeat("x", 1e5), "B="+strings.Repeat("x", 1e5)), unmarked},
		"at the end of a large one": {sleep("A="+strings.Repeat("x", 1e5), mark), marked},
		"this program":              {os.Getpid(), unmarked},
		"ended, but not reaped":     {dead.Process.Pid, ended},
		"a number that nobody has":  {1 << 30, ended},
	} {
		t.Run(name, func(t *testing.T) {
			if got := look(c.pid, mark); got != c.want {
				t.Errorf("look: %d; want %d", got, c.want)
			}
		})
	}
}
