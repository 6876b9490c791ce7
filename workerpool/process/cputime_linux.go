package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// KnowsCPUTime says that CPUTime works on this system.
const KnowsCPUTime = true

// cpuTime is the CPU time that a process has used since its start, in its threads but not
// in its children.
func cpuTime(pid int) (time.Duration, bool) {
	var t unix.Timespec
	// What clock_getcpuclockid(3) makes of a PID.
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
