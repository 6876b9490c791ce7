package classic

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// kind is what lies at a name on disk.
type kind uint8

const (
	unknown kind = iota
	none         // nothing
	through      // nothing: the name leads through a file as if that were a folder
	file         // a regular file
	folder
	link   // a symbolic link
	other  // a device, a pipe, a socket
	hidden // whatever it is, this process may not look at it
)

// disk asks the system. Tests count what is asked.
type disk struct {
	// root resolves the links of a root, and reports an error unless it is a folder that exists.
	root func(name string) (string, error)
	// plain says that a folder exists of that name, an absolute path, and that no element of it is a link. False says nothing.
	plain func(name string) bool
	// kind tells what lies at a name, whose last element is not followed if it is a link.
	kind func(name string) kind
	// resolve resolves all links of a name.
	resolve func(name string) (string, error)
}

var theDisk = disk{root: realRoot, plain: isPlain, kind: kindAt, resolve: filepath.EvalSymlinks}

// rootByParts resolves a root element by element.
func rootByParts(name string) (string, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: real, Err: syscall.ENOTDIR}
	}
	return real, err
}

// kindOf is what an error says of what lies at a name.
func kindOf(err error) kind {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return hidden
	case isNoFolder(err):
		return through
	}
	return none
}
