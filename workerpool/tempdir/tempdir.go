package tempdir

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// namePrefix begins the name of every Dir; the process id and a random
// number follow.
const namePrefix = "caddy-php-"

// Dir is where this process keeps temporary files below a base folder:
// "caddy-php-<pid>-<random>". Its lock ends with the process in whatever way that
// comes about, so that the next process to open one below the same base can tell
// what a killed one has left, and removes it. Where files cannot be locked
// (anything but Linux, macOS and the BSDs) nothing is removed.
//
// The folder can be passed through but not listed by other users (mode 0711). Its base may
// belong to one of them, who can rename what is in it or put a link in its place: so
// everything is done by the descriptor of the folder, and none of it by a name that leads through
// the base. All methods are safe for concurrent use.
type Dir struct {
	base string
	refs int // guarded by opened.mu

	mu   sync.Mutex // held over the making of the folder, never over its use
	root *os.Root   // nil: not made yet
	lock *os.File   // keeps it locked
}

// opened are the open ones, and those that were ever open, by their base.
var opened = struct {
	mu    sync.Mutex
	open  map[string]*Dir
	swept map[string]bool
}{open: make(map[string]*Dir), swept: make(map[string]bool)}

// Open returns the folder of this process below base, the system's
// temporary folder if that is empty; base must exist. It is made where nobody
// has it open. The first call for a base removes the folders of processes that
// are gone. Every caller must Close it.
func Open(base string) (*Dir, error) {
	if base == "" {
		base = os.TempDir()
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return nil, err
	}
	f, first := acquire(base)
	if first {
		sweep(base)
	}
	if _, err := f.Sub(-1, -1); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// acquire returns the open Dir of a base, or a new one. It also says whether the base is a new one.
func acquire(base string) (f *Dir, first bool) {
	opened.mu.Lock()
	defer opened.mu.Unlock()
	if f = opened.open[base]; f == nil {
		f = &Dir{base: base}
		opened.open[base] = f
	}
	f.refs++
	first = !opened.swept[base]
	opened.swept[base] = true
	return f, first
}

// Close gives the folder up. With the last user it is removed, whatever is in it.
func (f *Dir) Close() error {
	opened.mu.Lock()
	f.refs--
	last := f.refs == 0
	if last {
		delete(opened.open, f.base)
	}
	opened.mu.Unlock()
	if !last {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root == nil {
		return nil
	}
	defer f.forget()
	if !f.inPlace() {
		return nil
	}
	base, err := os.OpenRoot(f.base)
	if err != nil {
		return err
	}
	defer base.Close()
	return base.RemoveAll(filepath.Base(f.root.Name()))
}

// forget needs the lock.
func (f *Dir) forget() {
	if f.root != nil {
		f.lock.Close()
		f.root.Close()
		f.root, f.lock = nil, nil
	}
}

// inPlace says that the folder's name still leads to it. It needs the lock.
func (f *Dir) inPlace() bool {
	ours, err := f.lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.root.Name())
	return err == nil && os.SameFile(ours, named)
}

// Sub returns the path of a folder whose owner is uid and gid, so that they can
// move files out of it, and nobody else but this process can enter it. With -1 it is the folder
// itself. What somebody has removed is made anew. With an error, the path
// names nothing.
func (f *Dir) Sub(uid, gid int) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, err := f.sub(uid, gid)
	if err != nil {
		return filepath.Join(f.base, namePrefix), err
	}
	return filepath.Join(f.root.Name(), name), nil
}

// sub makes what Sub returns; its name is below the folder. It needs the lock.
func (f *Dir) sub(uid, gid int) (name string, err error) {
	if f.root == nil || !f.inPlace() {
		if err := f.make(); err != nil {
			return "", fmt.Errorf("making a temporary folder: %w", err)
		}
	}
	if uid < 0 {
		return ".", nil
	}
	name = strconv.Itoa(uid) + "-" + strconv.Itoa(gid)
	if info, err := f.root.Lstat(name); err == nil && info.IsDir() {
		return name, nil
	}
	err = f.root.Mkdir(name, 0o700)
	if err == nil {
		err = f.root.Lchown(name, uid, gid)
	}
	if err != nil {
		_ = f.root.Remove(name)
		return "", fmt.Errorf("making a temporary folder for user %d: %w", uid, err)
	}
	return name, nil
}

// Create makes a new file, mode 0600, in the folder that Sub returns, for reading and writing. Its
// name begins with the prefix. It belongs to this process's user.
func (f *Dir) Create(uid, gid int, prefix string) (*os.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, err := f.sub(uid, gid)
	if err != nil {
		return nil, err
	}
	for {
		file, err := f.root.OpenFile(filepath.Join(dir, prefix+strconv.FormatUint(rand.Uint64(), 36)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}

// Mkdir makes a folder in it for one purpose, mode 0700. The caller removes it.
func (f *Dir) Mkdir(prefix string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.sub(-1, -1); err != nil {
		return "", err
	}
	for {
		name := prefix + strconv.FormatUint(uint64(rand.Uint32()), 36)
		err := f.root.Mkdir(name, 0o700)
		if err == nil {
			return filepath.Join(f.root.Name(), name), nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("making a temporary folder: %w", err)
		}
	}
}

// sweep removes the folders of processes that are gone. One that cannot be
// removed, or not even be listed, is no reason not to start.
func sweep(path string) {
	base, err := os.OpenRoot(path)
	if err != nil {
		return
	}
	defer base.Close()
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), namePrefix) {
			removeAbandoned(base, e.Name())
		}
	}
}

// make needs the lock.
func (f *Dir) make() error {
	f.forget()
	base, err := os.OpenRoot(f.base)
	if err != nil {
		return err
	}
	defer base.Close()
	for {
		name := fmt.Sprintf("%s%d-%06d", namePrefix, os.Getpid(), rand.IntN(1_000_000))
		root, lock, err := makeLocked(base, name)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			return err
		}
		f.root, f.lock = root, lock
		return nil
	}
}

// errTaken says that another process took a folder for abandoned before it
// was locked.
var errTaken = errors.New("the folder has been removed already")

// openIn opens a folder in base. A link to another one in there may be followed: what is
// found has to be looked at.
func openIn(base *os.Root, name string) (*os.Root, *os.File, error) {
	root, err := base.OpenRoot(name)
	if err != nil {
		return nil, nil, err
	}
	lock, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, nil, err
	}
	return root, lock, nil
}
