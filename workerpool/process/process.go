package process

import (
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a started child and, where the system has them, its process group.
// It is the seam between the pool and the operating system: tests of time rules
// put a fake here. All methods are safe for concurrent use.
type Process interface {
	// PID is the process that was started, which may be a wrapper of PHP.
	PID() int
	// Done is closed once the process has ended and been reaped.
	Done() <-chan struct{}
	// Exit describes the end in words and says whether it was an orderly
	// one (exit status 0). Valid after Done.
	Exit() (text string, orderly bool)
	// Terminate asks the whole group to end; Kill ends it. Both are safe to
	// call at any time, also when nothing is left.
	Terminate()
	Kill()
	// SetPHP says which process of the group is PHP, as soon as that is known.
	// If it is the one that was started and it ends with status 0 before anybody
	// has called Terminate or Kill, what it leaves behind may live on until this program
	// ends: a job in the background, say. In any other case all that it has started
	// ends with it.
	SetPHP(pid int)
	// CPUTime is the CPU time that PHP has used; false where nobody can tell.
	CPUTime() (time.Duration, bool)
	// TimeIsUp makes PHP say where it is, with the fatal error of
	// max_execution_time, and end, if it is able to. It is safe at any time.
	TimeIsUp()
}

// osProcess is a real process. Its reaper goroutine is the only one that waits
// for it.
type osProcess struct {
	cmd  *exec.Cmd
	mark string
	done chan struct{}
	err  error // of Wait; read after done

	mu       sync.Mutex
	signaled bool // by us
	isPHP    bool // and no wrapper
	php      int  // 0: not known, or not of this group, as in a container
	reaped   bool // the PID may belong to somebody else from now on
}

// Start starts cmd in a process group of its own, as another user unless user is
// nil, with resource limits. cmd has an environment, which gets one more entry. The child,
// and what it starts, dies when this program dies. The error names the cause; then
// nothing is left.
func Start(cmd *exec.Cmd, user *User, limits []Rlimit) (Process, error) {
	if err := CheckRlimits(limits); err != nil {
		return nil, err
	}
	cmd.SysProcAttr = sysProcAttr(user)
	mark := mark(cmd)
	var err error
	onSpawnThread(func() { err = cmd.Start() })
	if err != nil {
		return nil, ExplainStart(cmd, err)
	}
	p := &osProcess{cmd: cmd, mark: mark, done: make(chan struct{})}
	watchdogAdd(cmd.Process.Pid)
	reaperAdd(cmd.Process.Pid)
	go p.reap()
	if err := setRlimits(p.PID(), limits); err != nil {
		p.Kill()
		<-p.done
		return nil, err
	}
	return p, nil
}

func (p *osProcess) reap() {
	// Where the system cannot tell of the end without reaping, what is left of
	// the group still keeps the number from being used again.
	kept, orderly := waitEnded(p.cmd.Process.Pid)
	if !kept {
		p.err = p.cmd.Wait()
		orderly = p.err == nil
	}
	p.mu.Lock()
	spare := p.isPHP && orderly && !p.signaled
	if !spare {
		signalGroup(p.cmd.Process, syscall.SIGKILL)
	}
	p.reaped = true
	p.mu.Unlock()
	if !spare {
		killMarked(p.mark)
	}
	if kept {
		p.err = p.cmd.Wait()
	}
	if spare {
		watchdogRelease(p.cmd.Process.Pid)
	} else {
		watchdogRemove(p.cmd.Process.Pid)
	}
	reaperLeaderGone(p.cmd.Process.Pid)
	close(p.done)
}

func (p *osProcess) PID() int              { return p.cmd.Process.Pid }
func (p *osProcess) Done() <-chan struct{} { return p.done }

func (p *osProcess) Exit() (string, bool) {
	var exit *exec.ExitError
	switch {
	case p.err == nil:
		return "exit status 0", true
	case errors.As(p.err, &exit):
		return exit.Error(), false
	}
	return p.err.Error(), false
}

func (p *osProcess) Terminate() { p.signal(syscall.SIGTERM) }
func (p *osProcess) Kill()      { p.signal(syscall.SIGKILL) }

// SetPHP may come too late, when the process has been reaped.
func (p *osProcess) SetPHP(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isPHP = pid == p.cmd.Process.Pid
	if p.isPHP || !p.reaped && inGroup(pid, p.cmd.Process.Pid) {
		p.php = pid
	}
}

func (p *osProcess) CPUTime() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.php == 0 || p.reaped {
		return 0, false
	}
	return cpuTime(p.php)
}

func (p *osProcess) TimeIsUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.php != 0 && !p.reaped {
		timeIsUp(p.php)
	}
}

// signal reaches the group, so also what PHP itself started. It does so only
// before the leader is reaped, for later its number may belong to others; what
// outlives a leader that we sent away, or that was only a wrapper, is killed by
// reap.
func (p *osProcess) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signaled = true
	if !p.reaped {
		signalGroup(p.cmd.Process, sig)
	}
}
