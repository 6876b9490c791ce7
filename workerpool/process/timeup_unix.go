//go:build unix

package process

import "syscall"

// inGroup reports whether the process is in the group that leader founded.
func inGroup(pid, leader int) bool {
	group, err := syscall.Getpgid(pid)
	return err == nil && group == leader
}

// timeIsUp makes PHP end with a fatal error that names the file and the line it is at: the signal is that
// of the timer behind max_execution_time, for which PHP has a handler on its command line, too.
func timeIsUp(php int) { _ = syscall.Kill(php, syscall.SIGPROF) }
