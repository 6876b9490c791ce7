//go:build unix && !linux

package process

import "syscall"

// sysProcAttr gives the child a process group of its own. There is no parent
// death signal here: the watchdog process does that work.
func sysProcAttr(u *User) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: credential(u)}
}

func onSpawnThread(start func()) { start() }

// waitEnded returns false at once: the end shows only when the child is reaped.
func waitEnded(int) (kept, orderly bool) { return false, false }
