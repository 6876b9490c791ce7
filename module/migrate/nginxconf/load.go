package nginxconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/conffile"
)

const (
	// maxFiles is how many files are included, maxNesting how deep.
	maxFiles   = 500
	maxNesting = 20
)

// Load reads a file and puts the directives of what it includes in the place of each include, as nginx does. The
// names of files in positions are those of the last element of their paths, with the folder where two are equal.
//
// A relative include is looked for where nginx looks, in the folder of the file given, and, because that may be one
// of sites-available, in the folders above it. An include that names no file is kept as a directive; one with a
// pattern (*) that matches nothing is none, as in nginx.
func Load(path string) ([]*Directive, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	r := &reader{base: filepath.Dir(path), names: make(map[string]string)}
	return r.file(path, nil)
}

// reader reads a file and its includes.
type reader struct {
	base  string
	files int
	bytes int
	names map[string]string // short names of files, and whose they are
}

// file reads one file. within are those that include it.
func (r *reader) file(path string, within []string) ([]*Directive, error) {
	if r.files++; r.files > maxFiles {
		return nil, fmt.Errorf("more than %d files are included", maxFiles)
	}
	read := conffile.Read // a person may pipe something in
	if len(within) > 0 {
		read = conffile.ReadRegular
	}
	text, err := read(path, maxBytes-r.bytes)
	if err != nil {
		return nil, err
	}
	if r.bytes += len(text); r.bytes > maxBytes {
		return nil, fmt.Errorf("the files are together larger than %d bytes", maxBytes)
	}
	all, err := Parse(r.name(path), text)
	if err != nil {
		return nil, err
	}
	return r.includes(all, append(within, path))
}

// name is the short name of a file.
func (r *reader) name(path string) string {
	for rest, name := path, ""; ; {
		name = filepath.Join(filepath.Base(rest), name)
		rest = filepath.Dir(rest)
		if other, taken := r.names[name]; !taken || other == path || rest == filepath.Dir(rest) {
			r.names[name] = path
			return name
		}
	}
}

// includes replaces the includes of a block, and of its blocks.
func (r *reader) includes(block []*Directive, within []string) ([]*Directive, error) {
	all := []*Directive{}
	for _, d := range block {
		if d.Block != nil {
			var err error
			if d.Block, err = r.includes(d.Block, within); err != nil {
				return nil, err
			}
		}
		if d.Name != "include" || len(d.Args) != 1 {
			all = append(all, d)
			continue
		}
		paths := r.find(d.Args[0], filepath.Dir(within[len(within)-1]))
		if len(paths) == 0 && !strings.ContainsAny(d.Args[0], "*?[") {
			all = append(all, d)
			continue
		}
		for _, path := range paths {
			if len(within) > maxNesting || slices.Contains(within, path) {
				return nil, fmt.Errorf("%v: %s includes itself, or is more than %d includes deep", d.Pos, path, maxNesting)
			}
			more, err := r.file(path, within)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				all = append(all, d)
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%v: %w", d.Pos, err)
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

// find is the files that a pattern names; own is the folder of the file that has the include.
func (r *reader) find(pattern, own string) []string {
	if filepath.IsAbs(pattern) {
		return regularFiles(pattern)
	}
	for folder := r.base; ; folder = filepath.Dir(folder) {
		if found := regularFiles(filepath.Join(folder, pattern)); len(found) > 0 {
			return found
		}
		if folder == filepath.Dir(folder) {
			return regularFiles(filepath.Join(own, pattern))
		}
	}
}

func regularFiles(pattern string) []string {
	found, _ := filepath.Glob(pattern)
	return slices.DeleteFunc(found, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.Mode().IsRegular()
	})
}
