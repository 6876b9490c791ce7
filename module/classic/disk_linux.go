package classic

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
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

// openHow is struct open_how of linux/openat2.h.
type openHow struct{ flags, mode, resolve uint64 }

const (
	openat2           = 437 // the number of the system call, the same on every architecture
	resolveNoSymlinks = 0x04
)

// withoutOpenat2 says that this system has no such call, or that this process may not make it.
var withoutOpenat2 atomic.Bool

// isPlain asks in one system call, which opens nothing and allocates nothing: the kernel goes through the name, refuses to follow a
// link, and says at its end that a folder cannot be opened for writing. Before Linux 5.6, or where a sandbox forbids it, it
// can tell of no name.
func isPlain(name string) bool {
	var text [512]byte
	if withoutOpenat2.Load() || len(name) >= len(text) || !strings.HasPrefix(name, "/") || filepath.Clean(name) != name || strings.IndexByte(name, 0) >= 0 {
		return false
	}
	copy(text[:], name)
	how := openHow{flags: syscall.O_WRONLY | syscall.O_DIRECTORY | syscall.O_CLOEXEC, resolve: resolveNoSymlinks}
	// The folder that a name is relative to, the first argument, does not count for an absolute one.
	fd, _, errno := syscall.Syscall6(openat2, 0, uintptr(unsafe.Pointer(&text)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
	switch errno {
	case 0: // never, as far as anybody knows
		syscall.Close(int(fd))
	case syscall.ENOSYS, syscall.EPERM:
		withoutOpenat2.Store(true)
	}
	return errno == syscall.EISDIR
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
