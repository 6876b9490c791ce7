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
//   - composer.json, composer.lock and package.json in any case;
//   - names that some file systems take for another one: a trailing dot or
//     space, a colon, a backslash, a short name such as CONFIG~1.PHP, control
//     characters, invalid UTF-8;
//   - a file or folder that is itself a symbolic link to one of these names. Other
//     links are followed, as the file server follows them, out of the root, too.
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
	name := caddyhttp.SanitizedPathJoin(root, r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/") {
		// Where the index is, there is the folder: no need to ask for both.
		return servableFile(name + string(filepath.Separator) + indexFile), nil
	}
	name, info := resolve(name)
	switch {
	case info == nil:
		return false, nil
	case info.IsDir():
		return servableFile(name + string(filepath.Separator) + indexFile), nil
	}
	return info.Mode().IsRegular(), nil
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

// servableFile reports whether name is, or links to, a regular file that may be
// served.
func servableFile(name string) bool {
	_, info := resolve(name)
	return info != nil && info.Mode().IsRegular()
}

// resolve looks name up. A symbolic link is followed, and name is then the name
// at its end; a link to a name that is never served counts as missing, because
// it would give away under a harmless name what its own name keeps back. info is
// nil if there is nothing.
func resolve(name string) (resolved string, info os.FileInfo) {
	if missing(name) {
		return name, nil
	}
	info, err := os.Lstat(name)
	if err != nil {
		return name, nil
	}
	if info.Mode()&os.ModeSymlink == 0 {
		return name, info
	}
	resolved, err = filepath.EvalSymlinks(name)
	if err != nil || neverServed(filepath.Base(resolved)) {
		return name, nil
	}
	if info, err = os.Lstat(resolved); err != nil {
		return name, nil
	}
	return resolved, info
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
	first := true
	for element := range strings.SplitSeq(path, "/") {
		if element == "" {
			continue
		}
		if neverServed(element) && !(first && element == ".well-known") {
			return false
		}
		first = false
	}
	return !strings.Contains(path, "~") || !caddyhttp.HasWindowsShortName(path)
}

var (
	// sourceExtensions are the extensions of PHP sources.
	sourceExtensions = []string{"php", "phtml", "phar", "inc", "phps"}
	// manifests are the files that say what an application is made of.
	manifests = []string{"composer.json", "composer.lock", "package.json"}
)

// neverServed reports whether a file or folder of this name is kept back. Case
// is folded beyond ASCII because a file system that ignores case may fold
// U+017F to s and U+212A to k as well.
func neverServed(name string) bool {
	if name[0] == '.' || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return true
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return false
	}
	folded := func(s string) func(string) bool {
		return func(t string) bool { return strings.EqualFold(s, t) }
	}
	return slices.ContainsFunc(sourceExtensions, folded(name[dot+1:])) ||
		slices.ContainsFunc(manifests, folded(name))
}

// Interface guards.
var (
	_ caddy.Module                      = StaticMatcher{}
	_ caddyhttp.RequestMatcherWithError = StaticMatcher{}
)
