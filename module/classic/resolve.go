package classic

import (
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Script is the PHP script that answers a request.
type Script struct {
	// Root is the document root, without symbolic links; File is the script's absolute name on disk.
	Root, File string
	// Name is the path of the script below the root (SCRIPT_NAME), Info the path of the request behind
	// it (PATH_INFO).
	Name, Info string
}

// Decision is what becomes of a request.
type Decision struct {
	// Status is that of the answer: 0 where the Script makes it, 308 for the same path with a slash at its
	// end, else that of an error.
	Status int
	// Reason says why, for logs.
	Reason string
	// Script is set with Status 0.
	Script Script
}

// Root resolves the links of a root, an absolute path. One that is no folder is an error.
func Root(name string) (string, error) { return theDisk.root(name) }

// Resolve decides which script below root, an absolute path whose links are resolved now, answers a request with this path, which is
// decoded and need not be clean.
func (r *Router) Resolve(root, urlPath string) Decision {
	real, err := r.realRoot(root)
	if err != nil {
		return refused(http.StatusNotFound, "root %q: %v", root, err)
	}
	return r.ResolveBelow(real, urlPath)
}

func (r *Router) realRoot(name string) (string, error) {
	if !r.linked.Load() && r.disk.plain(name) {
		return name, nil
	}
	real, err := r.disk.root(name)
	if linked := err == nil && real != name; linked != r.linked.Load() {
		r.linked.Store(linked)
	}
	return real, err
}

// ResolveBelow is Resolve for a root that [Root] has resolved.
func (r *Router) ResolveBelow(real, urlPath string) Decision {
	if strings.IndexByte(urlPath, 0) >= 0 {
		return refused(http.StatusBadRequest, "the path has a NUL byte")
	}
	l := look{Router: r, root: strings.TrimSuffix(real, "/"), path: cleanPath(urlPath)}
	for i := range r.tries {
		if d, found := l.try(&r.tries[i]); found {
			d.Script.Root = real
			return d
		}
	}
	return refused(http.StatusNotFound, "there is no script for %q", l.path)
}

func refused(status int, format string, args ...any) Decision {
	return Decision{Status: status, Reason: fmt.Sprintf(format, args...)}
}

// cleanPath resolves dots and double slashes as web servers do. The result begins with a slash, and ends
// with one if the path can only be that of a folder.
func cleanPath(p string) string {
	if strings.HasPrefix(p, "/") && !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p
	}
	if p == "*" { // of OPTIONS
		p = "/"
	}
	clean := path.Clean("/" + p)
	if clean != "/" && (strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")) {
		clean += "/"
	}
	return clean
}

// look is the search for the script of one request.
type look struct {
	*Router
	root, path string
	// at is what lies at the path, as far as that is known.
	at kind
}

// try looks at one candidate, and reports whether it decides.
func (l *look) try(t *try) (Decision, bool) {
	switch {
	case t.status != 0:
		return refused(t.status, "try_files says so for %q", l.path), true
	case t.folder:
		return l.tryFolder(t)
	case !t.withPath:
		return l.trySplit(t.before)
	case t.after == "":
		return l.trySplit(t.before + l.path)
	}
	return l.trySplit(t.before + strings.TrimSuffix(l.path, "/") + t.after)
}

// tryFolder looks for the index of a folder.
func (l *look) tryFolder(t *try) (Decision, bool) {
	if t.before == "" && (l.at == none || l.at == through) {
		return Decision{}, false
	}
	base := t.before + strings.TrimSuffix(l.path, "/") + "/"
	for _, index := range t.index {
		k, d := l.find(base + index)
		switch {
		case k != file:
		case d.Status == 0 && t.before == "" && !strings.HasSuffix(l.path, "/"):
			return refused(http.StatusPermanentRedirect, "%q is a folder", l.path), true
		default:
			return d, true
		}
	}
	return Decision{}, false
}

// trySplit looks for the script that name is, or begins with: behind it may stand a PATH_INFO.
func (l *look) trySplit(name string) (Decision, bool) {
	end := l.scriptEnd(name, 0)
	for end > 0 {
		script := name[:end]
		if l.denied(script) { // whether it is there or not: that is nobody's business
			return refused(http.StatusForbidden, "%q lies below a path of deny_scripts", script), true
		}
		k, d := l.find(script)
		switch k {
		case file:
			d.Script.Info = name[end:]
			return d, true
		case through:
			return refused(http.StatusNotFound, "%q leads through a file that is no script", script), true
		case none: // nor is there anything below it
			l.know(name, none)
			return Decision{}, false
		}
		if end == len(name) {
			l.know(name, folder)
			return Decision{}, false
		}
		end = l.scriptEnd(name, end+1)
	}
	if strings.HasSuffix(name, "/") {
		return Decision{}, false
	}
	k := l.disk.kind(l.root + name)
	if k == link {
		_, k = l.follow(name)
	}
	l.know(name, k)
	switch k {
	case none, folder, through:
		return Decision{}, false
	case hidden:
		return l.unseen(name), true
	}
	return refused(http.StatusNotFound, "%q is no script", name), true
}

// know notes what lies at the path of the request.
func (l *look) know(name string, k kind) {
	if name == l.path {
		l.at = k
	}
}

// scriptEnd is where, behind from, the name of a script ends that p may begin with; -1: nowhere.
func (l *look) scriptEnd(p string, from int) int {
	for from < len(p) {
		end := len(p)
		if i := strings.IndexByte(p[from:], '/'); i >= 0 {
			end = from + i
		}
		if l.isScript(p[:end]) {
			return end
		}
		from = end + 1
	}
	return -1
}

// find looks for the script of that name below the root. Where a file is, the decision is about that one,
// whose PATH_INFO is left to the caller; else there is none, but a folder, nothing, or a file where a
// folder would have to be.
func (l *look) find(name string) (kind, Decision) {
	k := l.disk.kind(l.root + name)
	linked := k == link
	for above := name; !linked && k == file; {
		above = above[:strings.LastIndexByte(above, '/')]
		if above == "" {
			break
		}
		linked = l.disk.kind(l.root+above) == link
	}
	target := name
	if linked {
		target, k = l.follow(name)
	}
	switch {
	case k == none, k == folder, k == through:
		return k, Decision{}
	case k == hidden:
		return file, l.unseen(name)
	case target == "":
		return file, refused(http.StatusNotFound, "%q is a symbolic link, or lies behind one, that leads out of root", name)
	case k != file:
		return file, refused(http.StatusNotFound, "%q is no regular file", name)
	case !plain(name), linked && !plain(target):
		return file, refused(http.StatusNotFound, "%q has a name, or lies in a folder with a name, that is hidden", name)
	case linked && !l.isScript(target):
		return file, refused(http.StatusNotFound, "%q is a symbolic link to what is no script", name)
	case l.denied(name), linked && l.denied(target):
		return file, refused(http.StatusForbidden, "%q lies below a path of deny_scripts", name)
	}
	return file, Decision{Script: Script{File: l.root + name, Name: name}}
}

// unseen is the decision about what the server itself may not look at.
func (l *look) unseen(name string) Decision {
	return refused(http.StatusForbidden, "%q: this process has no permission to look for it", l.root+name)
}

// follow resolves all links of a name below the root: target is where they lead to, "" if that is not
// below the root.
func (l *look) follow(name string) (target string, k kind) {
	real, err := l.disk.resolve(l.root + name)
	if err != nil {
		return "", kindOf(err)
	}
	target, below := strings.CutPrefix(real, l.root)
	if !below || !strings.HasPrefix(target, "/") {
		target = ""
	}
	return target, l.disk.kind(real)
}

// plain reports whether no element of a path below the root is hidden, or could be another one's name.
func plain(name string) bool {
	first := true
	for element := range strings.SplitSeq(name, "/") {
		if element == "" {
			continue
		}
		if element[0] == '.' && !(first && element == ".well-known") {
			return false
		}
		if last := element[len(element)-1]; last == '.' || last == ' ' {
			return false
		}
		for i := range len(element) {
			if c := element[i]; c < ' ' || c == 0x7f || c == '\\' || c == ':' {
				return false
			}
		}
		first = false
	}
	return true
}
