//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// patient starts a process that ends when release is called, or the test ends.
func patient(t *testing.T) (p Process, release func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read -r line")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err = Start(cmd, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	release = func() { stdin.Close(); <-p.Done() }
	t.Cleanup(release)
	return p, release
}

// killWatchdog kills it as anybody may. To close its pipe instead would tell it that this program has ended: it
// would kill whatever we start from then on.
func killWatchdog(t *testing.T) {
	t.Helper()
	killed := 0
	for _, pid := range processes() {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if s, ok := readStat(pid); !ok || s.parent != os.Getpid() || !bytes.Contains(command, []byte("\x00php_worker-watchdog\x00")) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed++
		for limit := time.Now().Add(patience); syscall.Kill(pid, 0) == nil; <-time.After(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal("the watchdog does not end")
			}
		}
	}
	if killed != 1 {
		t.Fatalf("%d watchdogs were running; want one", killed)
	}
}

func TestTheWatchdogIsStartedAnewWhenSomebodyKillsIt(t *testing.T) {
	patient(t)
	watchdog.mu.Lock()
	before := watchdog.pipe
	watchdog.mu.Unlock()
	killWatchdog(t)

	p, release := patient(t)
	watchdog.mu.Lock()
	if watchdog.pipe == nil || watchdog.pipe == before {
		t.Error("no new watchdog was started")
	}
	if _, known := watchdog.groups[p.PID()]; !known {
		t.Errorf("the watchdog was not told of process %d", p.PID())
	}
	watchdog.mu.Unlock()
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("process %d is in group %d (%v); want one of its own", p.PID(), group, err)
	}
	release()
	watchdog.mu.Lock()
	defer watchdog.mu.Unlock()
	if _, known := watchdog.groups[p.PID()]; known {
		t.Errorf("the watchdog still knows process %d, which has ended", p.PID())
	}
}
