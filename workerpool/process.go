package workerpool

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// process is a started child and, where the system has them, its process group.
// It is the seam between the pool and the operating system: tests of time rules
// put a fake here.
type process interface {
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
	// LeadsTo says which process is PHP, as soon as that is known. Where it
	// is the one that was started, what it leaves behind may live on. Where
	// that is a wrapper, and as long as nobody knows, all of the group ends
	// with it.
	LeadsTo(php int)
}

// spawnSpec is what a launcher needs to start one child.
type spawnSpec struct {
	config *Config
	relay  Relay
	folder *Folder
	iniDir string
	output *output
}

// launcher starts a child with its relays attached.
type launcher func(spec spawnSpec) (*child, error)

// osProcess is a real process. Its reaper goroutine is the only one that waits
// for it.
type osProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; read after done

	mu       sync.Mutex
	signaled bool // by us: what is left of the group goes too
	isPHP    bool // and no wrapper: what is left of the group may stay
	reaped   bool // the PID may belong to somebody else from now on
}

// startProcess starts cmd in a process group of its own. The child dies when
// this program dies.
func startProcess(cmd *exec.Cmd) (*osProcess, error) {
	var err error
	onSpawnThread(func() { err = cmd.Start() })
	if err != nil {
		return nil, explainStart(cmd, err)
	}
	p := &osProcess{cmd: cmd, done: make(chan struct{})}
	guardAdd(cmd.Process.Pid)
	reaperAdd(cmd.Process.Pid)
	go p.reap()
	return p, nil
}

func (p *osProcess) reap() {
	// Where the system cannot tell of the end without reaping, what is left of
	// the group still keeps the number from being used again.
	kept := waitEnded(p.cmd.Process.Pid)
	if !kept {
		p.err = p.cmd.Wait()
	}
	p.mu.Lock()
	if p.signaled || !p.isPHP {
		signalGroup(p.cmd.Process, syscall.SIGKILL)
	}
	p.reaped = true
	p.mu.Unlock()
	if kept {
		p.err = p.cmd.Wait()
	}
	guardRemove(p.cmd.Process.Pid)
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

// LeadsTo may come too late, when the process has been reaped.
func (p *osProcess) LeadsTo(php int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isPHP = php == p.cmd.Process.Pid
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

// command resolves program and folder anew, so that a deploy which flips a
// symbolic link is followed by every new worker.
func (c *Config) command() (*exec.Cmd, error) {
	dir := c.Dir
	if dir == "" {
		dir = "."
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	cmd := exec.Command(c.Command[0], c.Command[1:]...)
	cmd.Dir = dir
	if cmd.Err != nil {
		return nil, explainStart(cmd, cmd.Err)
	}
	cmd.SysProcAttr = sysProcAttr(c.User)
	return cmd, nil
}
