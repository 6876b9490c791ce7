//go:build !linux

package process

import "time"

// KnowsCPUTime says that CPUTime works on this system.
const KnowsCPUTime = false

func cpuTime(int) (time.Duration, bool) { return 0, false }
