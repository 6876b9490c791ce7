//go:build !unix

package process

import (
	"os"
	"syscall"
)

func sysProcAttr(*User) *syscall.SysProcAttr { return nil }

func onSpawnThread(start func()) { start() }

// signalGroup ends the process itself: there are no process groups to signal.
func signalGroup(leader *os.Process, _ syscall.Signal) { _ = leader.Kill() }

// waitEnded returns false at once: the end shows only when the child is reaped.
func waitEnded(int) (kept, orderly bool) { return false, false }
