//go:build unix

package process

import (
	"os/exec"
	"syscall"
	"testing"
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

func TestTheWatchdogIsStartedAnewWhenSomebodyKillsIt(t *testing.T) {
	patient(t)
	watchdog.mu.Lock()
	before := watchdog.pipe
	// The end of the watchdog shows when its pipe breaks.
	before.Close()
	watchdog.mu.Unlock()

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
