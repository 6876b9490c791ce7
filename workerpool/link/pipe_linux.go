package link

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeSize is what a pipe of a relay holds, in bytes. A larger answer makes PHP
// and Caddy take turns, each waiting for the other.
const pipeSize = 256 << 10

// GrowPipe asks for a larger pipe. The system may refuse (it allows each user so
// many pages): then the pipe stays as it is.
func GrowPipe(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
}

// pipeLevel is the number of bytes that lie in the pipe, or came to the socket,
// also when the other side has ended; 0 if that cannot be told.
func pipeLevel(f syscall.Conn) (n int) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ); err != nil {
			n = 0
		}
	})
	return n
}
