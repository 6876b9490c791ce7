package module

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(StaticMatcher{})
}

// StaticMatcher matches a GET or HEAD request for a file that exists below the
// root and may be served, or for a folder that has such an index.html. It stands
// before a [file server](/docs/modules/http.handlers.file_server) and keeps away
// from it what an application does not want to show:
//
//   - PHP sources: *.php, *.phtml, *.phar, *.inc and *.phps in any case, also as
//     a folder (/index.php/users);
//   - every file and folder whose name starts with a dot, except the folder
//     /.well-known at the top;
//   - composer.json, composer.lock, auth.json, symfony.lock, package.json,
//     package-lock.json, npm-shrinkwrap.json, yarn.lock, pnpm-lock.yaml and
//     composer/installed.json in any case;
//   - backups: names that end in ~, and the names above with .bak, .orig, .old,
//     .save, .swp, .swo or .dist behind them (index.php.bak, but not readme.txt.bak);
//   - names that some file systems take for another one: a trailing dot or
//     space, a colon, a backslash, a short name such as CONFIG~1.PHP, control
//     characters, invalid UTF-8;
//   - whatever a symbolic link leads to by way of such a name, be the link the file
//     or a folder above it. Only what lies between the root, links resolved, and the
//     file counts: the root itself may be in a dot folder. Other links are
//     followed, as the file server follows them, out of the root, too.
//
// It looks at the disk of the machine only: on a site with another
// [file system](/docs/caddyfile/directives/fs) nothing matches. It is safe for
// concurrent use, and an error never comes from it: what cannot be looked up does
// not match.
type StaticMatcher struct {
	// Root is the folder of the files; placeholders are replaced for each
	// request. A root that is empty, or has a placeholder without a value, matches
	// nothing: the current folder is never a default. Default: {http.vars.root},
	// the site's root.
	Root string `json:"root,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (StaticMatcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.php_worker_static",
		New: func() caddy.Module { return new(StaticMatcher) },
	}
}

// MatchWithError reports whether the request is for a servable file. A path that
// names nothing on disk costs one system call (access), and none where its mere text
// rules a file out.
func (m StaticMatcher) MatchWithError(r *http.Request) (bool, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false, nil
	}
	if !servablePath(r.URL.Path) {
		return false, nil
	}
	if fs, _ := caddyhttp.GetVar(r.Context(), "fs").(string); fs != "" && fs != "default" {
		return false, nil
	}
	root := m.root(r)
	if root == "" {
		return false, nil
	}
	// The file server resolves the path by the same function.
	file := located{root: root, name: caddyhttp.SanitizedPathJoin(root, r.URL.Path), path: r.URL.Path}
	if !strings.HasSuffix(r.URL.Path, "/") { // else where the index is, there is the folder: no need to ask for both
		info := file.lookUp()
		if info == nil || !info.IsDir() {
			return info != nil && info.Mode().IsRegular(), nil
		}
	}
	file.name += string(filepath.Separator) + indexFile
	file.index = true
	info := file.lookUp()
	return info != nil && info.Mode().IsRegular(), nil
}

// root is the folder of the files for this request, or "" if none is named.
func (m StaticMatcher) root(r *http.Request) string {
	if m.Root == "" {
		root, _ := caddyhttp.GetVar(r.Context(), "root").(string)
		return root
	}
	if !strings.Contains(m.Root, "{") {
		return m.Root
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	root, err := repl.ReplaceOrErr(m.Root, true, true)
	if err != nil {
		return ""
	}
	return root
}

// indexFile is the file served for its folder.
const indexFile = "index.html"

// located is a name on disk below root, and the URL path that it stands for. Its text
// has been judged already; what the links among its elements lead to has not.
type located struct {
	root, name, path string
	index            bool // the name is that of the index below path
}

// depth is how many elements the name has below the root.
func (f located) depth() (n int) {
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
func (f located) wellKnown() bool {
	return strings.HasPrefix(strings.TrimLeft(f.path, "/")+"/", ".well-known/")
}

// lookUp tells what is there, links followed. It is nil where there is nothing, or
// where a link leads to what is never served: it would give away under a harmless
// name what its own name keeps back. Without a link among the elements the name is
// what it says, and the place of the root does not matter; only a link costs more
// than an lstat per element.
func (f located) lookUp() os.FileInfo {
	if missing(f.name) {
		return nil
	}
	info, err := os.Lstat(f.name)
	if err != nil {
		return nil
	}
	linked := isLink(info)
	for folder, n := f.name, f.depth(); n > 1 && !linked; n-- {
		folder = filepath.Dir(folder)
		above, err := os.Lstat(folder)
		if err != nil {
			return nil
		}
		linked = isLink(above)
	}
	if linked {
		return f.follow()
	}
	return info
}

func isLink(info os.FileInfo) bool { return info.Mode()&os.ModeSymlink != 0 }

// follow tells what lies at the end of all links, nil if it may not be served.
func (f located) follow() os.FileInfo {
	resolved, err := filepath.EvalSymlinks(f.name)
	if err != nil {
		return nil
	}
	root, err := filepath.EvalSymlinks(filepath.Clean(f.root)) // cleaned as the name was
	if err != nil || !servableTarget(root, resolved, f.wellKnown()) {
		return nil
	}
	info, err := os.Lstat(resolved)
	if err != nil {
		return nil
	}
	return info
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
		case neverServed(folder, element) && !(element == ".well-known" && (first || wellKnown)):
			return false
		}
		first, folder = false, element
	}
	return true
}

// servablePath reports whether a URL path may name a file that is served, by its
// text alone.
func servablePath(path string) bool {
	if !strings.HasPrefix(path, "/") || !utf8.ValidString(path) {
		return false
	}
	for i := range len(path) {
		if c := path[i]; c < ' ' || c == 0x7f || c == '\\' || c == ':' {
			return false
		}
	}
	first, folder := true, ""
	for element := range strings.SplitSeq(path, "/") {
		if element == "" {
			continue
		}
		if neverServed(folder, element) && !(first && element == ".well-known") {
			return false
		}
		first, folder = false, element
	}
	return !strings.Contains(path, "~") || !caddyhttp.HasWindowsShortName(path)
}

var (
	// sourceExtensions are the extensions of PHP sources.
	sourceExtensions = []string{"php", "phtml", "phar", "inc", "phps"}
	// manifests are the files that say what an application is made of, and how to
	// get at the private parts of it.
	manifests = []string{
		"composer.json", "composer.lock", "auth.json", "symfony.lock",
		"package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml",
	}
	// copyExtensions are what editors and people append to the name of a file whose
	// last state they keep, or whose sample they give.
	copyExtensions = []string{"bak", "orig", "old", "save", "swp", "swo", "dist"}
)

// neverServed reports whether a file or folder of this name, directly below a
// folder of that name, is kept back. Case is folded beyond ASCII because a file
// system that ignores case may fold U+017F to s and U+212A to k as well.
func neverServed(folder, name string) bool {
	for { // a copy is judged as what it is a copy of
		if name[0] == '.' || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasSuffix(name, "~") {
			return true
		}
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return false
		}
		extension := name[dot+1:]
		if foldedIn(sourceExtensions, extension) || foldedIn(manifests, name) ||
			// What Composer has installed, in vendor/composer.
			strings.EqualFold(name, "installed.json") && strings.EqualFold(folder, "composer") {
			return true
		}
		if !foldedIn(copyExtensions, extension) {
			return false
		}
		name = name[:dot]
	}
}

func foldedIn(list []string, s string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return strings.EqualFold(s, t) })
}

// Interface guards.
var (
	_ caddy.Module                      = StaticMatcher{}
	_ caddyhttp.RequestMatcherWithError = StaticMatcher{}
)
