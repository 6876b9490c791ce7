package workerpool

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

// folderPrefix begins the name of every Folder; the process id and a random
// number follow.
const folderPrefix = "caddy-php-"

// Folder is where this process keeps temporary files below a base folder:
// "caddy-php-<pid>-<random>". Its lock ends with the process in whatever way that
// comes about, so that the next process to open one below the same base can tell
// what a killed one has left, and removes it. Where files cannot be locked
// (anything but Linux, macOS and the BSDs) nothing is removed.
//
// The folder can be passed through but not listed by other users (mode 0711).
// All methods are safe for concurrent use.
type Folder struct {
	base string
	refs int // guarded by folders.mu

	mu   sync.Mutex // held over the making of the folder, never over its use
	path string
	lock *os.File
}

// folders are the open ones, and those that were ever open, by their base.
var folders = struct {
	mu    sync.Mutex
	open  map[string]*Folder
	swept map[string]bool
}{open: make(map[string]*Folder), swept: make(map[string]bool)}

// OpenFolder returns the folder of this process below base, the system's
// temporary folder if that is empty; base must exist. It is made where nobody
// has it open. The first call for a base removes the folders of processes that
// are gone. Every caller must Close it.
func OpenFolder(base string) (*Folder, error) {
	if base == "" {
		base = os.TempDir()
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return nil, err
	}
	f, first := holdFolder(base)
	if first {
		sweep(base)
	}
	if _, err := f.For(-1, -1); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// holdFolder also says whether the base is a new one.
func holdFolder(base string) (f *Folder, first bool) {
	folders.mu.Lock()
	defer folders.mu.Unlock()
	if f = folders.open[base]; f == nil {
		f = &Folder{base: base}
		folders.open[base] = f
	}
	f.refs++
	first = !folders.swept[base]
	folders.swept[base] = true
	return f, first
}

// Close gives the folder up. With the last user it is removed, whatever is in it.
func (f *Folder) Close() error {
	folders.mu.Lock()
	f.refs--
	last := f.refs == 0
	if last {
		delete(folders.open, f.base)
	}
	folders.mu.Unlock()
	if !last {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return nil
	}
	err := os.RemoveAll(f.path)
	f.lock.Close()
	f.lock = nil
	return err
}

// For returns the path of a folder whose owner is uid and gid, so that they can
// move files out of it, and nobody else but this process can enter it. With -1 it is the folder
// itself. What somebody has removed is made anew. With an error, the path
// names nothing.
func (f *Folder) For(uid, gid int) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil || !isFolder(f.path) {
		if err := f.make(); err != nil {
			return filepath.Join(f.base, folderPrefix), fmt.Errorf("making a temporary folder: %w", err)
		}
	}
	if uid < 0 {
		return f.path, nil
	}
	path := filepath.Join(f.path, strconv.Itoa(uid)+"-"+strconv.Itoa(gid))
	if isFolder(path) {
		return path, nil
	}
	err := os.Mkdir(path, 0o700)
	if err == nil {
		err = os.Chown(path, uid, gid)
	}
	if err != nil {
		_ = os.Remove(path)
		return path, fmt.Errorf("making a temporary folder for user %d: %w", uid, err)
	}
	return path, nil
}

// mkdir makes a folder in it for one purpose, mode 0700. The caller removes it.
func (f *Folder) mkdir(prefix string) (string, error) {
	parent, err := f.For(-1, -1)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", fmt.Errorf("making a temporary folder: %w", err)
	}
	return dir, nil
}

func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// sweep removes the folders of processes that are gone. One that cannot be
// removed, or not even be listed, is no reason not to start.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), folderPrefix) {
			removeAbandoned(filepath.Join(base, e.Name()))
		}
	}
}

// make needs the lock.
func (f *Folder) make() error {
	if f.lock != nil {
		f.lock.Close()
		f.lock = nil
	}
	for {
		path := filepath.Join(f.base, fmt.Sprintf("%s%d-%06d", folderPrefix, os.Getpid(), rand.IntN(1_000_000)))
		lock, err := makeLocked(path)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, errFolderTaken) {
			continue
		}
		if err != nil {
			return err
		}
		f.path, f.lock = path, lock
		return nil
	}
}

// errFolderTaken says that another process took a folder for abandoned before it
// was locked.
var errFolderTaken = errors.New("the folder has been removed already")
