//go:build linux

package process

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// family is a shell that was started as a worker is, and what it has started.
type family struct {
	Process
	alive *os.File // ends when nobody is left
	input *os.File // a line lets the shell go on
}

// found starts a shell that runs the first script, in which fd 3 is to be inherited by
// whatever it starts; waits for a line; and runs the second.
func found(t *testing.T, children, end string) *family {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", children+"\necho started >&3\nread -r line\n"+end)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdin, cmd.ExtraFiles = in, []*os.File{w}
	p, err := Start(cmd, nil, nil)
	w.Close()
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		r.Close()
		out.Close()
		killMarked(p.(*osProcess).mark)
	})
	f := &family{Process: p, alive: r, input: out}
	_ = r.SetReadDeadline(time.Now().Add(patience))
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return f
}

// goOn lets the shell come to its end.
func (f *family) goOn() { _, _ = f.input.WriteString("\n") }

// ends waits for the end of the shell.
func (f *family) ends(t *testing.T) {
	t.Helper()
	select {
	case <-f.Done():
	case <-time.After(patience):
		t.Fatal("the process does not end")
	}
}

// anybody says whether somebody still holds the pipe.
func (f *family) anybody(t *testing.T) bool {
	t.Helper()
	raw, err := f.alive.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	left := false
	_ = raw.Read(func(fd uintptr) bool {
		_, err := syscall.Read(int(fd), make([]byte, 1))
		left = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return left
}

// nobodyIsLeft waits until nobody holds the pipe any more.
func (f *family) nobodyIsLeft(t *testing.T) {
	t.Helper()
	// The kernel may need a moment to close what a killed process held.
	_ = f.alive.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.alive.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("somebody is left")
	}
}

// away are the ways in which a process can leave what has started it.
var away = map[string]string{
	"in the background":                  "sleep 60 &",
	"in a session of its own":            "setsid sleep 60 &",
	"as an orphan of a session":          "(setsid sh -c 'sleep 60 & :') ; :",
	"as an orphan that ignores a hangup": "(trap '' HUP TERM; setsid nohup sleep 60 >/dev/null 2>&1 &)",
}

func TestWhatAProcessHasStartedEndsWithIt(t *testing.T) {
	for where, children := range away {
		for how, end := range map[string]string{
			"is killed":       "kill -KILL $$",
			"crashes":         "kill -SEGV $$",
			"fails":           "exit 255",
			"is terminated":   "read -r line",
			"is killed by us": "read -r line",
		} {
			t.Run(where+", it "+how, func(t *testing.T) {
				t.Parallel()
				f := found(t, children, end)
				f.SetPHP(f.PID())
				switch how {
				case "is terminated":
					f.Terminate()
				case "is killed by us":
					f.Kill()
				default:
					f.goOn()
				}
				f.ends(t)
				f.nobodyIsLeft(t)
			})
		}
	}
}

func TestWhatAWrapperHasStartedEndsWithItAlsoInOrder(t *testing.T) {
	for where, children := range away {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			f := found(t, children, "exit 0")
			f.SetPHP(f.PID() + 1) // another process of the group, that is
			f.goOn()
			f.ends(t)
			f.nobodyIsLeft(t)
		})
	}
}

// PHP may leave a job in the background, as under PHP-FPM, and be recycled meanwhile.
func TestWhatPHPLeavesBehindInOrderGoesOn(t *testing.T) {
	for where, children := range away {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			f := found(t, children, "exit 0")
			f.SetPHP(f.PID())
			f.goOn()
			f.ends(t)
			if text, orderly := f.Exit(); !orderly {
				t.Fatalf("it ended with %s", text)
			}
			if !f.anybody(t) {
				t.Error("nobody is left")
			}
		})
	}
}

func TestAnotherProcessWithoutTheMarkIsLeftAlone(t *testing.T) {
	other := exec.Command("/bin/sh", "-c", "read -r line")
	other.Env = []string{strings.TrimSuffix(program, "-") + "-0"} // nearly ours
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	f := found(t, "setsid sleep 60 &", "exit 1")
	f.goOn()
	f.ends(t)
	in.Close()
	var exit *exec.ExitError
	if err := other.Wait(); errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("it ended with %v", err)
	}
}
