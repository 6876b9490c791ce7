//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package goridge

import (
	"io"
	"syscall"
)

// pollReader reads from a relay without waiting. Its zero value knows no
// relay and never reads anything.
type pollReader struct {
	raw syscall.RawConn

	// The system call takes and leaves its values here, so that the function
	// which makes it is allocated only once.
	call    func(fd uintptr) bool
	buf     []byte
	n       int
	err     error
	checked bool // whether the descriptor was found to be non-blocking
}

func newPollReader(r io.Reader) pollReader {
	sc, ok := r.(syscall.Conn)
	if !ok {
		return pollReader{}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return pollReader{}
	}
	return pollReader{raw: raw}
}

// read reads what is there; 0 and no error when there is nothing. A file whose
// descriptor would block is never read.
func (p *pollReader) read(buf []byte) (int, error) {
	if p.raw == nil {
		return 0, nil
	}
	if p.call == nil {
		p.call = p.once
	}
	p.buf, p.n, p.err = buf, 0, nil
	err := p.raw.Read(p.call)
	p.buf = nil
	if err == nil {
		err = p.err
	}
	return p.n, err
}

// once makes the system call. It always returns true: false would wait.
func (p *pollReader) once(fd uintptr) bool {
	if !p.checked {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
		if errno != 0 || flags&syscall.O_NONBLOCK == 0 {
			return true
		}
		p.checked = true
	}
	for {
		n, err := syscall.Read(int(fd), p.buf)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
		case err != nil:
			p.err = err
		case n == 0:
			p.err = io.EOF
		default:
			p.n = n
		}
		return true
	}
}
