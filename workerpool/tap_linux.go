package workerpool

import (
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// recallLimit is the largest request, in bytes, that can be taken back: PHP reads
// a pipe in pieces of 8192 bytes, so it has either all of it or nothing.
const recallLimit = 8192

// tap is a reading end of our own in the pipe that a worker reads. Through it a
// request that the worker has not begun to read can be taken back, and given to
// another one. It is safe for concurrent use.
type tap struct {
	mu sync.Mutex
	fd int // -1: closed
}

// openTap opens the pipe of which theirs is the reading end once more: with flags
// of its own, for a blocking read of ours would race with the worker's. nil means
// that it cannot be had, and that nothing can be taken back.
func openTap(theirs *os.File) *tap {
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(int(theirs.Fd())), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &tap{fd: fd}
}

// close is needed as soon as the worker has ended, or a write to it would wait for
// a reader for ever. Idempotent.
func (t *tap) close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd >= 0 {
		unix.Close(t.fd)
		t.fd = -1
	}
}

// level is how many bytes the pipe holds; -1 if that cannot be told.
func (t *tap) level() int {
	if t == nil {
		return -1
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.holds()
}

// holds is level for who has the lock.
func (t *tap) holds() int {
	if t.fd < 0 {
		return -1
	}
	level, err := unix.IoctlGetInt(t.fd, unix.TIOCINQ)
	if err != nil {
		return -1
	}
	return level
}

// takeBack takes the last sent bytes back, if the pipe holds exactly them. One
// read takes what is there while the worker's waits, so that it is all or
// nothing; a part can only mean that the worker had begun after all, with an
// unusual size of its reads: then it will never get the rest, and is of no use
// any more.
func (t *tap) takeBack(sent int) (taken bool, err error) {
	if t == nil || sent <= 0 || sent > recallLimit {
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holds() != sent {
		return false, nil
	}
	var buf [recallLimit]byte
	n, err := unix.Read(t.fd, buf[:])
	switch {
	case err != nil || n == 0:
		return false, nil
	case n < sent:
		return false, errTorn
	}
	return true, nil
}
