//go:build unix

package static

import "syscall"

// notExist reports whether there is certainly nothing of that name that we could
// serve. It is the cheapest question that answers most requests: one system call.
func notExist(name string) bool { return syscall.Access(name, 0) != nil }

// readBeginning reads the first bytes of a file into buf, in three system calls. It does
// not follow a link, nor wait for the other side of a pipe.
func readBeginning(name string, buf []byte) ([]byte, error) {
	fd, err := again(func() (int, error) {
		return syscall.Open(name, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	n, err := again(func() (int, error) { return syscall.Read(fd, buf) })
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// again repeats a system call that a signal has interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != syscall.EINTR {
			return n, err
		}
	}
}
