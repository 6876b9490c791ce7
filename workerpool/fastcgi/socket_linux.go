package fastcgi

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// supported is nil where the system tells which process has sent what comes over a Unix socket.
var supported error

// socket is our end of a connection. It says which process has sent what it receives: the kernel fills
// that in, and never puts together what comes from two. Its system calls are made without telling Go's
// scheduler, since the descriptor does not block: see direct in package goridge.
//
// One goroutine may receive, and one send; what is for anyone says so.
type socket struct {
	file *os.File
	raw  syscall.RawConn

	// The system calls take and leave their values here, so that the functions
	// which make them are allocated only once.
	receive  func(fd uintptr) bool // returns false if it has to wait
	tryRecv  func(fd uintptr)
	in       []byte
	received int
	pid      int
	inErr    syscall.Errno
	message  unix.Msghdr
	vector   unix.Iovec
	control  [64]byte

	transmit func(fd uintptr) bool
	trySend  func(fd uintptr)
	out      []byte
	outErr   syscall.Errno

	countOut func(fd uintptr)
	queued   int // sent, and not read; less than 0 where that cannot be told
}

// Hold keeps a listening socket within reach whatever becomes of its name. What it returns as name is what Connect takes, until
// the file is closed.
func Hold(path string) (_ *os.File, name string, err error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), fmt.Sprint("/proc/self/fd/", fd), nil
}

// dial connects to a Unix socket. It does not wait: a listener whose queue is full is an error.
func dial(path string) (*socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
	if err == nil {
		err = os.NewSyscallError("connect", unix.Connect(fd, &unix.SockaddrUnix{Name: path}))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return newSocket(fd)
}

// newSocket takes a descriptor, which does not block.
func newSocket(fd int) (*socket, error) {
	s := &socket{file: os.NewFile(uintptr(fd), "fastcgi")}
	var err error
	if s.raw, err = s.file.SyscallConn(); err != nil {
		s.file.Close()
		return nil, err
	}
	s.receive, s.tryRecv = s.recvmsg, func(fd uintptr) { s.recvmsg(fd) }
	s.transmit, s.trySend = s.sendto, func(fd uintptr) { s.sendto(fd) }
	s.countOut = func(fd uintptr) { s.queued = count(fd, unix.SIOCOUTQ) }
	return s, nil
}

// recvmsg makes the system call, and returns false if nothing is there.
func (s *socket) recvmsg(fd uintptr) bool {
	s.received, s.inErr, s.pid = 0, 0, 0
	s.vector.Base = unsafe.SliceData(s.in)
	s.vector.SetLen(len(s.in))
	s.message.Iov = &s.vector
	s.message.SetIovlen(1)
	s.message.Control = &s.control[0]
	for {
		s.message.SetControllen(len(s.control))
		n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&s.message)), unix.MSG_CMSG_CLOEXEC)
		switch errno {
		case 0:
			s.received = int(n)
			s.pid = s.sender()
			return true
		case syscall.EINTR:
			continue
		}
		s.inErr = errno
		return errno != syscall.EAGAIN
	}
}

// sender is the process that the control message names; 0 if there is none.
func (s *socket) sender() int {
	header := (*unix.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	size := int(s.message.Controllen)
	if size < unix.CmsgLen(unix.SizeofUcred) || header.Level != unix.SOL_SOCKET || header.Type != unix.SCM_CREDENTIALS {
		return 0
	}
	return int((*unix.Ucred)(unsafe.Pointer(&s.control[unix.CmsgLen(0)])).Pid)
}

// read receives what is there, and waits until something is; pid is the process that has sent it.
func (s *socket) read(p []byte) (n, pid int, err error) {
	s.in = p
	err = s.raw.Read(s.receive)
	return s.result(err)
}

// tryRead is read, but does not wait: errAgain says that nothing is there. A deadline does not matter.
func (s *socket) tryRead(p []byte) (n, pid int, err error) {
	s.in = p
	err = s.raw.Control(s.tryRecv)
	return s.result(err)
}

func (s *socket) result(err error) (n, pid int, _ error) {
	s.in, s.vector.Base = nil, nil
	switch {
	case err != nil:
		return 0, 0, err
	case s.inErr == syscall.EAGAIN:
		return 0, 0, errAgain
	case s.inErr == syscall.ECONNRESET: // it had not read all
		return 0, 0, io.EOF
	case s.inErr != 0:
		return 0, 0, os.NewSyscallError("recvmsg", s.inErr)
	case s.received == 0:
		return 0, 0, io.EOF
	}
	return s.received, s.pid, nil
}

// sendto sends as much of s.out as goes, and returns false if it has to wait.
func (s *socket) sendto(fd uintptr) bool {
	s.outErr = 0
	for len(s.out) > 0 {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.out))), uintptr(len(s.out)), unix.MSG_NOSIGNAL, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			s.outErr = errno
			return errno != syscall.EAGAIN
		}
		s.out = s.out[n:]
	}
	return true
}

// write sends all of p, and says how much of it went out.
func (s *socket) write(p []byte) (int, error) {
	s.out = p
	err := s.raw.Write(s.transmit)
	return s.sent(p, err)
}

// tryWrite is write, but does not wait: errAgain says that not all went out.
func (s *socket) tryWrite(p []byte) (int, error) {
	s.out = p
	err := s.raw.Control(s.trySend)
	return s.sent(p, err)
}

func (s *socket) sent(p []byte, err error) (int, error) {
	n := len(p) - len(s.out)
	s.out = nil
	switch {
	case err != nil:
		return n, err
	case s.outErr == syscall.EAGAIN:
		return n, errAgain
	case s.outErr != 0:
		return n, os.NewSyscallError("sendto", s.outErr)
	}
	return n, nil
}

// waitFor calls done when something may have changed, in either direction, until it returns true: when something comes,
// when the peer has read something, or has gone.
//
// What is waited for is that one can write. Go is told of that by an edge-triggered epoll,
// whose events have all that is so at the moment, and a Unix socket of which little is unread can always be written to.
func (s *socket) waitFor(done func(uintptr) bool) error { return s.raw.Write(done) }

// unread says whether the peer has yet to read something that we have sent.
//
// The system counts the memory of messages of which any part is unread, 768 bytes or more for each. For a moment while one is given
// back, and after whoever waits has been woken, it counts 1 (sock_wfree in net/core/sock.c).
func (s *socket) unread() bool {
	s.queued = -1
	_ = s.raw.Control(s.countOut)
	return s.queued < 0 || s.queued > 1
}

// waiting is how many bytes have come that nobody has received. For any goroutine.
func (s *socket) waiting() (n int) {
	_ = s.raw.Control(func(fd uintptr) { n = max(0, count(fd, unix.SIOCINQ)) })
	return n
}

// count asks what there is of something; -1 where that cannot be told.
func count(fd uintptr, what uint) int {
	n, err := unix.IoctlGetInt(int(fd), what)
	if err != nil {
		return -1
	}
	return n
}

// shut ends one direction, or both. For any goroutine.
func (s *socket) shut(read bool) {
	how := unix.SHUT_WR
	if read {
		how = unix.SHUT_RDWR
	}
	_ = s.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), how) })
}

// Deadlines are for read, and for write and waitFor. For any goroutine.
func (s *socket) readDeadline(t time.Time)  { _ = s.file.SetReadDeadline(t) }
func (s *socket) writeDeadline(t time.Time) { _ = s.file.SetWriteDeadline(t) }

func (s *socket) close() { s.file.Close() }
