//go:build !linux

package classic

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

func realRoot(name string) (string, error) { return rootByParts(name) }

func isPlain(string) bool { return false }

func kindAt(name string) kind {
	info, err := os.Lstat(name)
	if err != nil {
		return kindOf(err)
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return file
	case mode.IsDir():
		return folder
	case mode&fs.ModeSymlink != 0:
		return link
	}
	return other
}

func isNoFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
