package main

import (
	"runtime"
	"syscall"
	"time"
)

// pacer sleeps more exactly than time.Sleep, whose timers an otherwise idle
// program hears of up to a millisecond late. It keeps its goroutine on one thread.
func pacer() (sleep func(time.Duration), done func()) {
	runtime.LockOSThread()
	return func(d time.Duration) {
		if d > 0 {
			left := syscall.NsecToTimespec(int64(d))
			_ = syscall.Nanosleep(&left, nil) // woken early by a signal: who asks looks at the clock
		}
	}, runtime.UnlockOSThread
}
