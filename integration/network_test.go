package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// ownNetwork marks the tests' process inside its own network.
	ownNetwork = "PHP_WORKER_TEST_NETWORK"
	// migrateRequests makes the kernel hand the connections that wait in the
	// queue of a closing listener to another listener of the same port.
	migrateRequests = "/proc/sys/net/ipv4/tcp_migrate_req"
)

// inOwnNetwork runs the tests once more, in a network that has nothing but a
// loopback interface: nobody else takes a port there, nothing can leave it, and
// the kernel may be told to keep the connections of a listener that Caddy closes,
// without changing the machine. It returns false where that needs more rights than
// we have; then the tests run in the machine's network.
func inOwnNetwork() (code int, done bool) {
	if os.Getenv(ownNetwork) != "" {
		if err := loopbackUp(); err != nil {
			fmt.Fprintln(os.Stderr, "preparing the network of the tests:", err)
			return 1, true
		}
		_ = os.WriteFile(migrateRequests, []byte("1"), 0o644) // older kernels have none
		return 0, false
	}
	if os.Geteuid() != 0 {
		return 0, false
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), ownNetwork+"=1", "CADDY_BIN="+caddyBinary)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, false // a container that may not make networks
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, true
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), true
	}
	fmt.Fprintln(os.Stderr, "running the tests in a network of their own:", err)
	return 1, true
}

// keepsQueues tells whether the kernel hands on what waits at a closing listener.
var keepsQueues = sync.OnceValue(func() bool {
	set, err := os.ReadFile(migrateRequests)
	return err == nil && bytes.HasPrefix(set, []byte("1"))
})

// lostBelow tells whether a request may have been lost during a reload before any
// handler of Caddy's has seen it, as it would be at a site without PHP. Two things
// can do that. Go's server closes a new connection without an answer when the
// shutdown begins while it reads the first request (golang/go#75591): the client
// sees an end of file. And the kernel resets what waits at a listener that is
// closed, unless it hands that on.
func lostBelow(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) && !keepsQueues()
}

// lostAllowed is how many connections may be lost like that in n reloads. The
// shutdown of Go's server cost one in about 1,000 reloads on a busy machine, and
// three to six in 100 with the race detector (none where that line of net/http was
// changed); the kernel costs one in about 25. The chaos suite proves that nobody saw
// them.
func lostAllowed(n int) int {
	if keepsQueues() {
		return 1 + n/10
	}
	return n
}

// loopbackUp switches the loopback interface on.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(request))); errno != 0 {
		return errno
	}
	return nil
}
