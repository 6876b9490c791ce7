package classic

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Rules are those of one site. The zero value is what suits most applications.
type Rules struct {
	// Index are the scripts that stand for their folder; the first that exists counts. One element,
	// "off", is none, and no front controller either. Default: index.php, with the first of Split.
	Index []string
	// TryFiles are the candidates for a path, in their order: a script below the root, in which {path}
	// (or {http.request.uri.path}) is the path of the request; "{path}/", the index of that folder;
	// or "=404", an answer. Default: {path}, {path}/ and the scripts of Index at the top, the first as
	// front controller.
	TryFiles []string
	// Split are the extensions of scripts. Default: .php.
	Split []string
	// Deny are paths below which no script is executed, whatever the case of their letters. An element
	// may have * and ?.
	Deny []string
}

// Router decides by the rules of one site. It is safe for concurrent use.
type Router struct {
	index []string
	tries []try
	split []string
	deny  [][]string // the elements of each path
	disk  disk
	// linked says that the last root was a link, or lay behind one: then it is not asked first whether it is none.
	linked atomic.Bool
}

// try is a candidate of TryFiles.
type try struct {
	// before and after stand around the path of the request, which is left out unless withPath.
	before, after string
	withPath      bool
	// folder says that index are the scripts of a folder.
	folder bool
	index  []string
	status int // of an answer instead
}

// pathNames are the names of the request's path in a candidate.
var pathNames = []string{"{path}", "{http.request.uri.path}"}

// indexOff is the only element of Rules.Index that names no script.
const indexOff = "off"

// NewRouter checks the rules. Errors name the option as a Caddyfile does.
func NewRouter(rules Rules) (*Router, error) {
	r := &Router{index: rules.Indexes(), split: rules.extensions(), disk: theDisk}
	for _, extension := range r.split {
		if err := checkExtension(extension); err != nil {
			return nil, err
		}
	}
	for _, name := range r.index {
		if err := r.checkIndex(name); err != nil {
			return nil, err
		}
	}
	files := rules.TryFiles
	if len(files) == 0 {
		files = []string{"{path}"}
		if len(r.index) > 0 {
			files = append(append(files, "{path}/"), r.index...)
		}
	}
	for _, file := range files {
		t, err := r.parseTry(file)
		if err != nil {
			return nil, fmt.Errorf("try_files: %w", err)
		}
		r.tries = append(r.tries, t)
	}
	for _, pattern := range rules.Deny {
		elements, err := parseDeny(pattern)
		if err != nil {
			return nil, fmt.Errorf("deny_scripts: %w", err)
		}
		r.deny = append(r.deny, elements)
	}
	return r, nil
}

func (r Rules) extensions() []string {
	if len(r.Split) == 0 {
		return []string{".php"}
	}
	return r.Split
}

// Indexes are the names of Index, or those that hold without any.
func (r Rules) Indexes() []string {
	switch {
	case len(r.Index) == 0:
		return []string{"index" + r.extensions()[0]}
	case slices.Equal(r.Index, []string{indexOff}):
		return nil
	}
	return r.Index
}

func checkExtension(extension string) error {
	name, ok := strings.CutPrefix(extension, ".")
	if !ok || name == "" {
		return fmt.Errorf("split: %q is no extension such as .php", extension)
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		default:
			return fmt.Errorf("split: %q is no extension such as .php: it has a character that is neither a letter of ASCII nor a digit", extension)
		}
	}
	return nil
}

func (r *Router) checkIndex(name string) error {
	switch {
	case name == indexOff:
		return errors.New("index: off stands alone")
	case name == "" || strings.ContainsAny(name, "/{}"):
		return fmt.Errorf("index: %q is no name of a file", name)
	case !r.isScript(name):
		return fmt.Errorf("index: %q is no script: its name does not end in %s. (A folder's index.html is served without PHP.)", name, strings.Join(r.split, " or "))
	}
	return nil
}

func (r *Router) parseTry(file string) (t try, err error) {
	if code, ok := strings.CutPrefix(file, "="); ok {
		if t.status, err = strconv.Atoi(code); err != nil || t.status < 400 || t.status > 599 {
			return t, fmt.Errorf("%q is no status from 400 to 599", file)
		}
		return t, nil
	}
	t.before = file
	for _, name := range pathNames {
		if before, after, ok := strings.Cut(file, name); ok {
			t = try{before: before, after: after, withPath: true}
			break
		}
	}
	switch rest := t.before + t.after; {
	case strings.ContainsAny(rest, "{}"):
		return t, fmt.Errorf("%q: the only placeholder is {path}, once", file)
	case strings.ContainsAny(rest, "?\x00\\"):
		return t, fmt.Errorf("%q names a script below root, without a query: PHP gets the query of the request", file)
	case slices.Contains(strings.Split(rest, "/"), ".."):
		return t, fmt.Errorf("%q leads out of root", file)
	case file == "":
		return t, errors.New("a candidate is empty")
	}
	if t.before != "" || !t.withPath {
		t.before = strings.TrimSuffix(path.Clean("/"+t.before), "/")
	}
	switch name, ok := strings.CutPrefix(t.after, "/"); {
	case t.withPath && ok && name == "":
		t.folder, t.index = true, r.index
	case t.withPath && ok && slices.Contains(r.index, name) && t.before == "":
		t.folder, t.index = true, []string{name}
	case t.withPath && t.after == "", r.isScript(file):
	default:
		return t, fmt.Errorf("%q is no script: its name does not end in %s. (Files for browsers are served without PHP.)", file, strings.Join(r.split, " or "))
	}
	return t, nil
}

func parseDeny(pattern string) ([]string, error) {
	clean := strings.TrimSuffix(pattern, "/*")
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("%q is no path below root, such as /uploads", pattern)
	}
	elements := strings.FieldsFunc(clean, func(c rune) bool { return c == '/' })
	if len(elements) == 0 {
		return nil, fmt.Errorf("%q would deny every script", pattern)
	}
	for i, element := range elements {
		elements[i] = fold(element)
		if _, err := path.Match(element, ""); err != nil || element == "." || element == ".." {
			return nil, fmt.Errorf("%q is no path below root, such as /uploads or /sites/*/files", pattern)
		}
	}
	return elements, nil
}

// isScript reports whether a name ends as that of a script.
func (r *Router) isScript(name string) bool {
	for _, extension := range r.split {
		base, ok := strings.CutSuffix(name, extension)
		if ok && base != "" && !strings.HasSuffix(base, "/") {
			return true
		}
	}
	return false
}

// denied reports whether a path below root lies below one of those that are denied.
func (r *Router) denied(name string) bool {
	for _, pattern := range r.deny {
		if liesBelow(name, pattern) {
			return true
		}
	}
	return false
}

func liesBelow(name string, pattern []string) bool {
	rest := strings.TrimPrefix(name, "/")
	for _, want := range pattern {
		element, more, ok := strings.Cut(rest, "/")
		if !ok { // it ends above
			return false
		}
		if match, _ := path.Match(want, fold(element)); !match {
			return false
		}
		rest = more
	}
	return true
}

// fold is s as file systems compare it that do not tell the case of letters.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }
