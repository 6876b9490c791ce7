//go:build !linux

package listener

import (
	"errors"
	"net"
)

// Other systems cannot steer; see socket_linux.go.

func inside(net.Listener) (*net.TCPListener, string) { return nil, "" }

func reopen(*net.TCPListener) (*net.TCPListener, error) { return nil, errors.ErrUnsupported }

func steer(*net.TCPListener, int) {}
func share(*net.TCPListener)      {}
