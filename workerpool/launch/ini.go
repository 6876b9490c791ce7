package launch

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// iniFolder holds the pool's php.ini settings in a folder of their own, which
// every worker gets through PHP_INI_SCAN_DIR: so they reach PHP also behind a
// wrapper, where "-d" flags would not. The script that PHP is to run before that of a
// worker lies beside them. All methods are safe for concurrent use.
type iniFolder struct {
	folder  *tempdir.Dir
	user    *process.User
	fixed   map[string]string
	prepend *Prepend

	mu     sync.Mutex // held over the making of the folder, and while PHP is asked
	text   string
	dir    string // "": not made yet
	suited bool   // suit has been called
}

// openIni opens the temporary folder of a launcher, and writes the settings below it.
func openIni(s *Settings, prepend *Prepend) (*tempdir.Dir, *iniFolder, error) {
	dir, err := tempdir.Open("")
	if err != nil {
		return nil, nil, err
	}
	ini, err := newIni(dir, s.Ini, prepend, s.User)
	if err == nil {
		_, err = ini.path()
	}
	if err != nil {
		_ = dir.Close()
		return nil, nil, err
	}
	return dir, ini, nil
}

// newIni checks the settings, and writes nothing. prepend may be nil.
func newIni(folder *tempdir.Dir, settings map[string]string, prepend *Prepend, user *process.User) (*iniFolder, error) {
	text, err := iniText(settings)
	if err != nil {
		return nil, err
	}
	return &iniFolder{folder: folder, user: user, fixed: settings, prepend: prepend, text: text}, nil
}

// iniText is the content of the file; "" for no settings.
func iniText(settings map[string]string) (string, error) {
	if len(settings) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("; Written by php_worker for one pool; removed with it.\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		line, err := iniLine(name, settings[name])
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// suit adds the settings that find returns when it is given a folder with the fixed ones alone, which
// win: where that has not been done yet, or again. Whoever comes meanwhile waits.
func (i *iniFolder) suit(again bool, find func(dir string) map[string]string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.suited && !again {
		return nil
	}
	plain, err := newIni(i.folder, i.fixed, nil, i.user)
	if err != nil {
		return err
	}
	defer plain.remove()
	dir, err := plain.path()
	if err != nil {
		return err
	}
	all := make(map[string]string)
	maps.Copy(all, find(dir))
	maps.Copy(all, i.fixed)
	if i.text, err = iniText(all); err != nil {
		return err
	}
	i.suited = true
	return nil
}

// path returns the folder with the settings; "" where there are none. What somebody has
// removed or changed, as a cleaner of temporary files may, is written anew: no worker starts without
// its settings.
func (i *iniFolder) path() (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.text == "" && i.prepend == nil {
		return "", nil
	}
	if i.dir != "" {
		if i.whole() {
			return i.dir, nil
		}
		if i.write() == nil { // in its place: another worker may be about to read it
			return i.dir, nil
		}
		i.removeAll()
	}
	dir, err := i.folder.Mkdir("ini")
	if err != nil {
		return "", err
	}
	i.dir = dir
	if err := i.write(); err != nil {
		i.removeAll()
		return "", fmt.Errorf("writing the ini settings: %w", err)
	}
	return dir, nil
}

// iniName is the name of the file; PHP reads those of a folder in their order.
const iniName = "99-php_worker.ini"

// file is one of the folder.
type file struct{ name, content string }

// files are those of the folder, the settings last: they name the others.
func (i *iniFolder) files() []file {
	if i.prepend == nil {
		return []file{{iniName, i.text}}
	}
	lines := i.prepend.ini(i.dir, i.fixed["open_basedir"])
	return append(i.prepend.files(), file{iniName, i.text + lines})
}

// whole reports whether the files are there as they were written. It needs the lock.
func (i *iniFolder) whole() bool {
	for _, f := range i.files() {
		if text, err := os.ReadFile(filepath.Join(i.dir, f.name)); err != nil || string(text) != f.content {
			return false
		}
	}
	return true
}

// write makes the files, which the pool's user may read and not change: they say what that user
// may not do. It needs the lock.
func (i *iniFolder) write() error {
	for _, f := range i.files() {
		if err := i.writeFile(f); err != nil {
			return err
		}
	}
	if i.user == nil {
		return nil
	}
	return errors.Join(os.Chown(i.dir, -1, int(i.user.GID)), os.Chmod(i.dir, 0o750))
}

func (i *iniFolder) writeFile(f file) error {
	path := filepath.Join(i.dir, f.name+".new") // which PHP does not read
	if err := os.WriteFile(path, []byte(f.content), 0o600); err != nil {
		return err
	}
	if i.user != nil {
		if err := errors.Join(os.Chown(path, -1, int(i.user.GID)), os.Chmod(path, 0o640)); err != nil {
			return err
		}
	}
	return os.Rename(path, filepath.Join(i.dir, f.name)) // whole at any time
}

// removeAll needs the lock.
func (i *iniFolder) removeAll() {
	if i.dir != "" {
		os.RemoveAll(i.dir)
	}
	i.dir = ""
}

// remove removes the folder, if there is one.
func (i *iniFolder) remove() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.removeAll()
}

// errorLevels is an expression of error levels, which PHP computes only where it
// stands without quotes.
var errorLevels = regexp.MustCompile(`^[~ ]*E_[A-Z_]+([ &|^~]+E_[A-Z_]+)*$`)

// iniLine quotes the value, so that PHP reads it as the text it is: in a quoted
// value only the quote, the backslash in front of one, and ${ mean something.
func iniLine(name, value string) (string, error) {
	if name == "" || strings.ContainsAny(name, "\r\n\x00=;[]\"") {
		return "", fmt.Errorf("%q is not the name of an ini setting", name)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("the value of the ini setting %q has a line break or NUL byte", name)
	}
	switch strings.ToLower(value) {
	case "on", "off", "yes", "no", "true", "false", "none", "null":
		return name + " = " + value + "\n", nil
	}
	if errorLevels.MatchString(value) {
		return name + " = " + value + "\n", nil
	}
	return name + ` = "` + escapeIni(value) + "\"\n", nil
}

// escapeIni escapes what means something within quotes.
func escapeIni(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(value)
}
