// Package conffile reads files of configuration, whatever has their names: a pipe, a device without an end, a file too large for any
// memory.
package conffile

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrNotRegular reports a folder, a pipe, a socket or a device.
var ErrNotRegular = errors.New("it is no regular file")

// Read reads a file. Of one that is larger than most bytes it reads one more.
func Read(path string, most int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, int64(most)+1))
}

// ReadRegular is Read for a path that another file names: where nothing is ever written, nobody may wait.
func ReadRegular(path string, most int) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	return Read(path, most)
}
