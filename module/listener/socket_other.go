//go:build !linux

package listener

import (
	"errors"
	"net"
)

// Other systems cannot steer; see socket_linux.go.

// canSteer says that the system lets one socket get all that comes to an address.
const canSteer = false

func reopen(*net.TCPListener) (*net.TCPListener, error) { return nil, errors.ErrUnsupported }

func steer(*net.TCPListener, int) {}
func share(*net.TCPListener)      {}

func stop(tcp *net.TCPListener) { _ = tcp.Close() }
