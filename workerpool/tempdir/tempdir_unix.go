//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package tempdir

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
func makeLocked(base *os.Root, name string) (*os.Root, *os.File, error) {
	if err := base.Mkdir(name, 0o711); err != nil {
		return nil, nil, err
	}
	root, lock, err := openIn(base, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errTaken
	}
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*os.Root, *os.File, error) {
		lock.Close()
		root.Close()
		return nil, nil, err
	}
	if err := tryLock(lock); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errTaken
		}
		return fail(err)
	}
	ours, err := lock.Stat()
	if err != nil {
		return fail(err)
	}
	if named, err := base.Lstat(name); err != nil || !os.SameFile(ours, named) || !isOurs(ours) {
		return fail(errTaken)
	}
	if err := lock.Chmod(0o711); err != nil { // whatever the umask is
		return fail(err)
	}
	return root, lock, nil
}

// removeAbandoned removes a folder of ours that no process has locked. One that
// belongs to somebody else is not ours, whatever its name.
func removeAbandoned(base *os.Root, name string) {
	root, lock, err := openIn(base, name)
	if err != nil {
		return
	}
	defer root.Close()
	defer lock.Close()
	if info, err := lock.Stat(); err == nil && isOurs(info) && tryLock(lock) == nil {
		_ = base.RemoveAll(name)
	}
}

// isOurs says that a folder belongs to this process's user.
func isOurs(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}

func tryLock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EINTR {
			return err
		}
	}
}
