package goridge

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// direct reads and writes a pipe of ours without telling Go's scheduler, which expects
// every system call to take its time. These do not: the descriptor does not block.
// Under load a worker that has been written to often gets the CPU before the call has
// returned, and Go would take that for a slow one, give its processor away and start a
// thread. Deadlines and Close work as for an [os.File].
type direct struct {
	raw syscall.RawConn

	// The system call takes and leaves its values here, so that the function
	// which makes it is allocated only once.
	call func(fd uintptr) bool
	trap uintptr
	buf  []byte
	n    int
	err  syscall.Errno
}

// newDirect returns nil where f is no file whose descriptor does not block.
func newDirect(f any, trap uintptr) *direct {
	file, ok := f.(*os.File)
	if !ok {
		return nil
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil
	}
	blocks := true
	_ = raw.Control(func(fd uintptr) {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
		blocks = errno != 0 || flags&syscall.O_NONBLOCK == 0
	})
	if blocks {
		return nil
	}
	d := &direct{raw: raw, trap: trap}
	d.call = d.once
	return d
}

// once makes the system call, and returns false if it has to wait.
func (d *direct) once(fd uintptr) bool {
	for {
		n, _, err := syscall.RawSyscall(d.trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(d.buf))), uintptr(len(d.buf)))
		if err == syscall.EINTR {
			continue
		}
		if d.n, d.err = int(n), err; err != 0 {
			d.n = 0
		}
		return err != syscall.EAGAIN
	}
}

func (d *direct) do(p []byte) (int, error) {
	d.buf, d.n, d.err = p, 0, 0
	var err error
	if d.trap == syscall.SYS_READ {
		err = d.raw.Read(d.call)
	} else {
		err = d.raw.Write(d.call)
	}
	d.buf = nil
	if err == nil && d.err != 0 {
		err = d.err
	}
	return d.n, err
}

// Read is that of [io.Reader].
func (d *direct) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.do(p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write is that of [io.Writer].
func (d *direct) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = d.do(p[n:])
		n += m
	}
	return n, err
}

// directReader reads from r without telling the scheduler, if that is possible.
func directReader(r io.Reader) io.Reader {
	if d := newDirect(r, syscall.SYS_READ); d != nil {
		return d
	}
	return r
}

// directWriter does the same for writing.
func directWriter(w io.Writer) io.Writer {
	if d := newDirect(w, syscall.SYS_WRITE); d != nil {
		return d
	}
	return w
}
