//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package workerpool

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// makeLocked makes a folder and locks it. The lock is on the folder itself:
// systemd-tmpfiles, which clears old files out of /tmp, spares a locked folder.
// Between the two steps another process may find it without a lock; then one of
// them has to start over, and this one finds out by what the name stands for now.
func makeLocked(path string) (*os.File, error) {
	if err := os.Mkdir(path, 0o711); err != nil {
		return nil, err
	}
	f, err := openFolder(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errFolderTaken
	}
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*os.File, error) {
		f.Close()
		return nil, err
	}
	if err := tryLock(f); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errFolderTaken
		}
		return fail(err)
	}
	ours, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	if named, err := os.Lstat(path); err != nil || !os.SameFile(ours, named) {
		return fail(errFolderTaken)
	}
	if err := f.Chmod(0o711); err != nil { // whatever the umask is
		return fail(err)
	}
	return f, nil
}

// removeAbandoned removes a folder of ours that no process has locked. One that
// belongs to somebody else is not ours, whatever its name.
func removeAbandoned(path string) {
	f, err := openFolder(path)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		return
	}
	if tryLock(f) == nil {
		_ = os.RemoveAll(path)
	}
}

func openFolder(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}

func tryLock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EINTR {
			return err
		}
	}
}
