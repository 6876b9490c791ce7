package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// parentAndChild starts a shell that starts another one, which runs the script. It returns both, and a function
// that reads what the child prints.
func parentAndChild(t *testing.T, script string) (parent Process, child int, line func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "/bin/sh -c 'echo $$; "+script+"' & wait; wait; sleep 1000")
	cmd.Env = os.Environ()
	cmd.Stdout = w
	parent, err = Start(cmd, nil, nil)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		parent.Kill()
		<-parent.Done()
		r.Close()
	})
	lines := bufio.NewReader(r)
	line = func() string {
		t.Helper()
		_ = r.SetReadDeadline(time.Now().Add(20 * time.Second))
		s, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(s)
	}
	if child, err = strconv.Atoi(line()); err != nil {
		t.Fatal(err)
	}
	return parent, child, line
}

func isDone(t *testing.T, p Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("it has not ended")
	}
}

func TestAnAdoptedProcessIsFollowedToItsEnd(t *testing.T) {
	for name, end := range map[string]func(Adopted){
		"by itself":     func(a Adopted) { a.Soften(unix.SIGUSR1) },
		"terminated":    func(a Adopted) { a.Terminate() },
		"killed":        func(a Adopted) { a.Kill() },
		"its time over": func(a Adopted) { a.TimeIsUp() },
	} {
		t.Run(name, func(t *testing.T) {
			parent, pid, line := parentAndChild(t, "trap \"exit 3\" USR1; echo ready; while :; do sleep 1; done")
			line()
			a, err := Adopt(pid, parent, []Rlimit{{"nofile", 77, 78}})
			if err != nil {
				t.Fatal(err)
			}
			if a.PID() != pid {
				t.Errorf("it is process %d, not %d", a.PID(), pid)
			}
			if _, ok := a.CPUTime(); !ok {
				t.Error("its CPU time is not known")
			}
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
			if err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max open files 77 78") {
				t.Errorf("%v: its limits are\n%s", err, limits)
			}
			select {
			case <-a.Done():
				t.Fatal("it has ended too early")
			default:
			}
			end(a)
			isDone(t, a)
			a.Kill() // of nobody
			if _, ok := a.CPUTime(); ok {
				t.Error("nobody's CPU time is known")
			}
			select {
			case <-parent.Done():
				t.Error("its parent has ended, too")
			default:
			}
		})
	}
}

func TestWhatAnAdoptedProcessHasStartedEndsWithIt(t *testing.T) {
	for name, end := range map[string]func(Adopted){"terminated": Adopted.Terminate, "killed": Adopted.Kill} {
		t.Run(name, func(t *testing.T) {
			// The grandchild is deaf to SIGTERM, in a session of its own, and the child waits for it.
			parent, pid, line := parentAndChild(t, `setsid sh -c "trap : TERM; echo \$\$; while :; do sleep 1; done"`)
			grandchild, err := strconv.Atoi(line())
			if err != nil {
				t.Fatal(err)
			}
			fd, err := unix.PidfdOpen(grandchild, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			a, err := Adopt(pid, parent, nil)
			if err != nil {
				t.Fatal(err)
			}
			end(a)
			isDone(t, a)
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			for {
				n, err := unix.Poll(fds, 20_000)
				if err == unix.EINTR {
					continue
				}
				if n == 0 || err != nil {
					t.Errorf("what it had started is still there: %v", err)
				}
				break
			}
		})
	}
}

func TestNobodyElsesProcessIsAdopted(t *testing.T) {
	parent, pid, _ := parentAndChild(t, "exec sleep 1000")
	other, otherPID, _ := parentAndChild(t, "exec sleep 1000")
	_ = other
	for name, pid := range map[string]int{"another parent's": otherPID, "ours": os.Getpid(), "the parent itself": parent.PID(), "none": 1 << 22} {
		if a, err := Adopt(pid, parent, nil); !errors.Is(err, ErrNoChild) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	a, err := Adopt(pid, parent, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.Kill()
	isDone(t, a)
}
