package workerpool

import (
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// sysProcAttr gives the child a process group of its own, so that a Ctrl-C at
// the terminal reaches only Caddy, and lets the kernel kill it when we die.
func sysProcAttr(u *User) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: credential(u)}
}

var spawnThread = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread() // never unlocked: see onSpawnThread
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// onSpawnThread runs start on a thread that lives as long as the program: the
// parent death signal fires when the thread that forked ends, not the process
// (https://github.com/golang/go/issues/27505).
func onSpawnThread(start func()) {
	done := make(chan struct{})
	spawnThread() <- func() {
		defer close(done)
		start()
	}
	<-done
}

// waitEnded returns true once the child has ended, but leaves it to be reaped, so
// that its number still belongs to it.
func waitEnded(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return true
		}
	}
}
