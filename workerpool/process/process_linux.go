package process

import (
	"runtime"
	"sync"
	"syscall"
	"unsafe"

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

// waitEnded returns once the child has ended, but leaves it to be reaped, so
// that its number still belongs to it. orderly says that its exit status is 0.
func waitEnded(pid int) (kept, orderly bool) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return true, err == nil && info.Code == cldExited && exitStatus(&info) == 0
		}
	}
}

// cldExited is CLD_EXITED of waitid(2): the process has ended by itself.
const cldExited = 1

// exitStatus is si_status of siginfo_t. Three numbers come first; behind them begins a
// union, as far on as a pointer has to be, of which pid, uid and status are the first fields.
func exitStatus(info *unix.Siginfo) int32 {
	const pointer = unsafe.Sizeof(uintptr(0))
	union := (3*4 + pointer - 1) / pointer * pointer
	return *(*int32)(unsafe.Add(unsafe.Pointer(info), union+8))
}
