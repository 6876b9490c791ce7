package process

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// killMarked looks again after firstPause at whoever may still be ours, then after ever longer ones; and not any
// more once it has killed nobody for lookPatience.
const (
	firstPause   = 100 * time.Microsecond
	longestPause = 20 * time.Millisecond
	lookPatience = 2 * time.Second
)

// killMarked kills every process that has the mark in its environment, and those that they start
// meanwhile. It looks at all processes of the system, which takes milliseconds. It returns when each one is
// killed or known to be another's, or after lookPatience: a process that is within exec shows no environment,
// and one that has just ended may have started another.
func killMarked(mark string) {
	known := make(map[int]bool)
	pause, deadline := firstPause, time.Now().Add(lookPatience)
	for {
		again := false
		for _, pid := range processes() {
			if known[pid] {
				continue
			}
			s := look(pid, mark)
			if s == marked && killIf(pid, mark) {
				s = ended
				pause, deadline = firstPause, time.Now().Add(lookPatience)
			}
			known[pid] = s == unmarked || s == ended
			again = again || s != unmarked
		}
		if !again || time.Now().After(deadline) {
			return
		}
		<-time.After(pause)
		pause = min(2*pause, longestPause)
	}
}

// processes are the numbers of all processes that we can see.
func processes() (all []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// killIf kills a process that still has the mark: its number may belong to another one by now. It says
// whether that was so; a process that may not be signaled lives on.
func killIf(pid int, mark string) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ENOSYS { // before Linux 5.3
		if look(pid, mark) != marked {
			return false
		}
		_ = unix.Kill(pid, unix.SIGKILL)
		return true
	}
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if look(pid, mark) != marked {
		return false
	}
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	return true
}
