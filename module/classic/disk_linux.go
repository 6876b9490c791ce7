package classic

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// openPath is O_PATH: the file is only named, not opened for anything.
const openPath = 0x200000

// realRoot asks the kernel for the name of the folder that it has found: three system calls however many
// elements the name has, and no cache that a changed link would have to clear.
func realRoot(name string) (string, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = syscall.Open(name, openPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		return err
	})
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return rootByParts(name) // needs no descriptor
	}
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	var buf [4096]byte
	n, err := syscall.Readlink("/proc/self/fd/"+strconv.Itoa(fd), buf[:])
	if real := string(buf[:max(n, 0)]); err == nil && n < len(buf) && strings.HasPrefix(real, "/") && !strings.HasSuffix(real, " (deleted)") {
		return real, nil
	}
	return filepath.EvalSymlinks(name) // without /proc, or a strange name
}

func kindAt(name string) kind {
	var stat syscall.Stat_t
	if err := again(func() error { return syscall.Lstat(name, &stat) }); err != nil {
		return kindOf(err)
	}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return file
	case syscall.S_IFDIR:
		return folder
	case syscall.S_IFLNK:
		return link
	}
	return other
}

func isNoFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// again repeats a system call that a signal has interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}
