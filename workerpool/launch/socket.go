package launch

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// listenUnix makes a socket. Its error says what is wrong with a name that is longer than the system lets a socket's be.
func listenUnix(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, syscall.EINVAL) {
		err = fmt.Errorf("%w: the name is too long for a socket; let TMPDIR name another folder for temporary files", err)
	}
	return l, err
}

// offerSocket makes a socket in a folder that nobody but the worker's user can enter, for one
// connection. It returns its address as a worker is told it.
func offerSocket(in *tempdir.Dir, user *process.User, options goridge.Options) (_ *link.Offer, address string, err error) {
	dir, err := in.Mkdir("s") // a short name: the path of a socket has a limit
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, "relay.sock")
	fail := func(err error) (*link.Offer, string, error) {
		os.RemoveAll(dir)
		return nil, "", err
	}
	if address, err = goridge.RelayUnix(path); err != nil {
		return fail(err)
	}
	l, err := listenUnix(path)
	if err != nil {
		return fail(fmt.Errorf("listening on the relay socket: %w", err))
	}
	if user != nil {
		if err := errors.Join(os.Chown(path, int(user.UID), int(user.GID)), os.Chown(dir, int(user.UID), int(user.GID))); err != nil {
			l.Close()
			return fail(fmt.Errorf("giving the relay socket to the worker's user: %w", err))
		}
	}
	return link.OnSocket("unix socket", l, options, sync.OnceFunc(func() {
		l.Close()
		os.RemoveAll(dir)
	})), address, nil
}
