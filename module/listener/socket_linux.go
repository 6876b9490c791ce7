package listener

import (
	"context"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// canSteer says that the system lets one socket get all that comes to an address.
const canSteer = true

// reopen opens another socket at the address of tcp, but without Multipath TCP, which
// Go listens with where the kernel can: such a socket cannot steer (EOPNOTSUPP).
// The address must be shared (SO_REUSEPORT).
func reopen(tcp *net.TCPListener) (*net.TCPListener, error) {
	network, shared, errs := "tcp", 0, make([]error, 3)
	err := control(tcp, func(fd int) {
		var domain, only int
		shared, errs[0] = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT)
		if domain, errs[1] = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); domain == unix.AF_INET {
			network = "tcp4"
		} else if only, errs[2] = unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); only != 0 {
			network = "tcp6"
		}
	})
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	if shared == 0 {
		return nil, errors.New("SO_REUSEPORT is not set")
	}
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) (err error) {
		e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(e, err)
	}}
	config.SetMultipathTCP(false)
	ln, err := config.Listen(context.Background(), network, tcp.Addr().String())
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

// steer makes the kernel give new connections to the socket of that number among those
// that share the port (socket(7), SO_ATTACH_REUSEPORT_CBPF); tcp is one of them. The
// numbers are others where another process listened there before us. Where steering
// fails, connections come to any of these, and one that comes in the instant in which its
// socket is closed is lost.
func steer(tcp *net.TCPListener, number int) {
	program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: uint32(number)}}
	_ = control(tcp, func(fd int) {
		_ = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
}

// share lets the kernel choose again among the sockets that share the port: there may
// be those of other processes. Before Linux 5.3 it cannot.
func share(tcp *net.TCPListener) {
	_ = control(tcp, func(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0) })
}

// stop ends listening, and closes the socket. A process that is just being started has a copy of every descriptor until it
// executes its program: with that a socket that is only closed goes on listening for as long, and what comes to it is lost.
func stop(tcp *net.TCPListener) {
	_ = control(tcp, func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RD) })
	_ = tcp.Close()
}

func control(tcp *net.TCPListener, f func(fd int)) error {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}
