package static

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Servable reports whether name, which is where the path of a URL leads below root, is a
// regular file that may be served, or a folder with such an index.html. The path must be an
// [AllowedPath]. What cannot be looked up is not servable. An index.html is not if one of the names in before
// is in its folder, too. Where nothing is, that costs one system call (access).
func Servable(root, name, path string, before ...string) bool {
	file := candidate{root: root, name: name, path: path}
	if !strings.HasSuffix(path, "/") { // else where the index is, there is the folder: no need to ask for both
		if name, info := file.lookUp(); info == nil || !info.IsDir() {
			return servableFile(name, info)
		}
	}
	folder := file.name + string(filepath.Separator)
	file.name, file.index = folder+indexFile, true
	if !servableFile(file.lookUp()) {
		return false
	}
	return !slices.ContainsFunc(before, func(index string) bool {
		_, err := os.Lstat(folder + index)
		return err == nil
	})
}

// servableFile reports whether name, which is no link, is a regular file that may be
// served by its content. The file server opens it anew; to be sent all the same, a source
// would have to take the place of a file for browsers within microseconds, under its name.
func servableFile(name string, info os.FileInfo) bool {
	if info == nil || !info.Mode().IsRegular() {
		return false
	}
	if isRemembered(info) {
		return true
	}
	var buf [beginningSize]byte
	beginning, err := readBeginning(name, buf[:])
	if err != nil { // what we may not read, the file server may not either, and says so
		return errors.Is(err, fs.ErrPermission)
	}
	if beginsAsSource(beginning) {
		return false
	}
	remember(info)
	return true
}

// indexFile is the file served for its folder.
const indexFile = "index.html"

// candidate is a name on disk below root, and the URL path that it stands for. Its text
// has been judged already; what the links among its elements lead to has not.
type candidate struct {
	root, name, path string
	index            bool // the name is that of the index below path
}

// depth is how many elements the name has below the root.
func (f candidate) depth() (n int) {
	if f.index {
		n = 1
	}
	for element := range strings.SplitSeq(f.path, "/") {
		if element != "" {
			n++
		}
	}
	return n
}

// wellKnown reports whether the first of them is .well-known.
func (f candidate) wellKnown() bool {
	return strings.HasPrefix(strings.TrimLeft(f.path, "/")+"/", ".well-known/")
}

// lookUp tells what is there, links followed, and its name without them. It is nil where
// there is nothing, or where a link leads to what is never served: it would give away
// under a harmless name what its own name keeps back. Without a link among the elements
// the name is what it says, and the place of the root does not matter; only a link costs
// more than an lstat per element.
func (f candidate) lookUp() (string, os.FileInfo) {
	if notExist(f.name) {
		return "", nil
	}
	info, err := os.Lstat(f.name)
	if err != nil {
		return "", nil
	}
	linked := isLink(info)
	for folder, n := f.name, f.depth(); n > 1 && !linked; n-- {
		folder = filepath.Dir(folder)
		above, err := os.Lstat(folder)
		if err != nil {
			return "", nil
		}
		linked = isLink(above)
	}
	if linked {
		return f.follow()
	}
	return f.name, info
}

func isLink(info os.FileInfo) bool { return info.Mode()&os.ModeSymlink != 0 }

// follow tells what lies at the end of all links, nil if it may not be served, and its
// name.
func (f candidate) follow() (string, os.FileInfo) {
	resolved, err := filepath.EvalSymlinks(f.name)
	if err != nil {
		return "", nil
	}
	root, err := filepath.EvalSymlinks(filepath.Clean(f.root)) // cleaned as the name was
	if err != nil || !servableTarget(root, resolved, f.wellKnown()) {
		return "", nil
	}
	info, err := os.Lstat(resolved)
	if err != nil {
		return "", nil
	}
	return resolved, info
}

// servableTarget reports whether nothing on the way from the root to name is kept
// back. Both are free of links. The root itself may lie below a dot folder, so what
// both have in common is not judged: a link out of it is as good as one within it.
// What was asked for below /.well-known may lie in a .well-known elsewhere, which
// releases of an application share, perhaps.
func servableTarget(root, name string, wellKnown bool) bool {
	for _, path := range []*string{&root, &name} { // they may be relative to the current folder
		abs, err := filepath.Abs(*path)
		if err != nil {
			return false
		}
		*path = abs
	}
	way, err := filepath.Rel(root, name)
	if err != nil { // another volume of Windows
		way = strings.TrimPrefix(name, filepath.VolumeName(name))
	}
	first, folder := true, ""
	for element := range strings.SplitSeq(way, string(filepath.Separator)) {
		switch {
		case element == "" || element == ".":
			continue
		case element == "..":
		case hidden(folder, element) && !(element == ".well-known" && (first || wellKnown)):
			return false
		}
		first, folder = false, element
	}
	return true
}
