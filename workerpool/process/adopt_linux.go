package process

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adopted is followed by a descriptor, which stands for this process and never for another one that gets its
// number.
type adopted struct {
	pid  int
	fd   *os.File // readable when the process has ended
	raw  syscall.RawConn
	done chan struct{}

	mu    sync.Mutex
	over  bool          // it has ended
	below []*descendant // what it had started when it was told to end
}

// descendant is a process below another one.
type descendant struct {
	pid, fd int
}

func adopt(pid int, parent Process, limits []Rlimit) (Adopted, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return nil, ErrNoChild
	}
	if err != nil {
		return nil, fmt.Errorf("following process %d: %w", pid, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("following process %d: %w", pid, err)
	}
	a := &adopted{pid: pid, fd: os.NewFile(uintptr(fd), "process"), done: make(chan struct{})}
	// The number belongs to the process of the descriptor as long as that has not ended.
	if s, ok := readStat(pid); !ok || s.parent != parent.PID() || isOver(fd) {
		a.fd.Close()
		return nil, ErrNoChild
	}
	if err := setRlimits(pid, limits); err != nil {
		a.fd.Close()
		return nil, err
	}
	if a.raw, err = a.fd.SyscallConn(); err != nil {
		a.fd.Close()
		return nil, err
	}
	watchdogAdd(pid) // the group that it may found: it need not show the mark there
	go a.follow()
	return a, nil
}

// isOver says whether the process of a descriptor has ended.
func isOver(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err != nil || n > 0
		}
	}
}

// follow waits for the end of the process, and ends what that has left.
func (a *adopted) follow() {
	_ = a.raw.Read(func(fd uintptr) bool { return isOver(int(fd)) })
	a.mu.Lock()
	a.over = true
	for _, d := range a.below {
		_ = unix.PidfdSendSignal(d.fd, unix.SIGKILL, nil, 0)
		unix.Close(d.fd)
	}
	a.below = nil
	a.mu.Unlock()
	watchdogRemove(a.pid)
	a.fd.Close()
	close(a.done)
}

func (a *adopted) PID() int              { return a.pid }
func (a *adopted) Done() <-chan struct{} { return a.done }
func (a *adopted) Exit() (string, bool)  { return "the process ended", true }
func (a *adopted) SetPHP(int)            {}

func (a *adopted) Soften(sig Soft) { a.do(func(fd int) { _ = unix.PidfdSendSignal(fd, sig, nil, 0) }) }
func (a *adopted) TimeIsUp()       { a.Soften(unix.SIGPROF) }
func (a *adopted) Terminate()      { a.end(unix.SIGTERM) }
func (a *adopted) Kill()           { a.end(unix.SIGKILL) }

func (a *adopted) CPUTime() (used time.Duration, ok bool) {
	a.do(func(int) { used, ok = cpuTime(a.pid) })
	return used, ok
}

// do calls f with the descriptor, unless the process has ended.
func (a *adopted) do(f func(fd int)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		_ = a.raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// end sends a signal to the process and to all that it has started, whose parents are known as long as it lives.
func (a *adopted) end(sig syscall.Signal) {
	a.do(func(fd int) {
		known := make(map[int]bool)
		for _, d := range a.below {
			known[d.pid] = true
		}
		a.below = append(a.below, below(a.pid, known)...)
		_ = unix.PidfdSendSignal(fd, sig, nil, 0)
		for _, d := range a.below {
			_ = unix.PidfdSendSignal(d.fd, sig, nil, 0)
		}
	})
}

// below returns the descendants of a process that are not known yet.
func below(pid int, known map[int]bool) (found []*descendant) {
	children := make(map[int][]int)
	for _, p := range processes() {
		if s, ok := readStat(p); ok {
			children[s.parent] = append(children[s.parent], p)
		}
	}
	for next := children[pid]; len(next) > 0; {
		p := next[0]
		next = append(next[1:], children[p]...)
		if known[p] {
			continue
		}
		if d := descend(p, pid); d != nil {
			found = append(found, d)
		}
	}
	return found
}

// descend opens a process that is still below the other one; nil: it is not.
func descend(pid, top int) *descendant {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	for p := pid; p > 1; {
		s, ok := readStat(p)
		if !ok {
			break
		}
		if s.parent == top {
			return &descendant{pid, fd}
		}
		p = s.parent
	}
	unix.Close(fd)
	return nil
}
