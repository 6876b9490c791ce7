//go:build !linux

package fastcgi

import (
	"errors"
	"os"
	"time"
)

var supported = errors.New("only Linux tells which process has sent what comes over a Unix socket")

// socket is never made.
type socket struct{}

// Hold is not possible.
func Hold(string) (*os.File, string, error) { return nil, "", supported }

func dial(string) (*socket, error) { return nil, supported }

func (s *socket) read([]byte) (n, pid int, err error)    { return 0, 0, supported }
func (s *socket) tryRead([]byte) (n, pid int, err error) { return 0, 0, supported }
func (s *socket) write([]byte) (int, error)              { return 0, supported }
func (s *socket) tryWrite([]byte) (int, error)           { return 0, supported }
func (s *socket) waitFor(func(uintptr) bool) error       { return supported }
func (s *socket) unread() bool                           { return true }
func (s *socket) waiting() int                           { return 0 }
func (s *socket) shut(bool)                              {}
func (s *socket) readDeadline(time.Time)                 {}
func (s *socket) writeDeadline(time.Time)                {}
func (s *socket) close()                                 {}
