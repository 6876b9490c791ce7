package static

import (
	"os"
	"sync/atomic"
	"time"
)

// fileState tells a file, in the state that it is in, from all others. Whatever is
// written to a file, and whatever takes its name, has another one: the time of the
// last change (ctime) is nobody's to set.
type fileState struct {
	device, inode        uint64
	size, written, since int64 // the times in nanoseconds; since is ctime
}

// remembered are files that were looked at and may be served, so that a usual file costs
// no more than to be found: each place has one of the states that belong there.
var remembered [1024]atomic.Pointer[fileState]

// settledAfter is how old a state must be to be remembered. Clocks of file systems are
// coarse: two changes within one tick leave the same state.
var settledAfter = 2 * time.Second

func (s fileState) place() *atomic.Pointer[fileState] {
	return &remembered[(s.inode^s.inode>>10^s.device)%uint64(len(remembered))]
}

// isRemembered reports whether a file in the state of info has been remembered.
func isRemembered(info os.FileInfo) bool {
	state, ok := stateOf(info)
	if !ok {
		return false
	}
	known := state.place().Load()
	return known != nil && *known == state
}

// remember remembers the state that the file had before it was read.
func remember(before os.FileInfo) {
	if state, ok := stateOf(before); ok && time.Since(time.Unix(0, state.since)) >= settledAfter {
		kept := state // only this one has to be allocated
		state.place().Store(&kept)
	}
}
