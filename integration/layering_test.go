package integration

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	thisModule = "github.com/phpworker/caddy-php-worker"
	caddy      = "github.com/caddyserver/caddy/v2"
	// maxLines is the size of a file past which it is split by behaviour.
	maxLines = 400
)

// room is a folder of Go code and what it may import besides the standard
// library. A name that ends in "/..." includes everything below it.
type room struct {
	ours   []string // rooms
	others []string // packages of other modules
	// tests may import these as well.
	tests []string
}

// rooms is the whole house. A new folder has to be entered here, and whoever
// does so decides what it may know.
var rooms = map[string]room{
	"goridge":            {},
	"workerpool/process": {others: []string{"golang.org/x/sys/..."}},
	"workerpool/tempdir": {},
	"workerpool/watch":   {others: []string{"github.com/fsnotify/fsnotify"}},
	"workerpool/budget":  {},
	"workerpool/link":    {ours: []string{"goridge"}, others: []string{"golang.org/x/sys/..."}},
	"workerpool/fastcgi": {ours: []string{"goridge", "workerpool/link"}, others: []string{"golang.org/x/sys/..."}},
	"workerpool/launch": {
		ours:   []string{"goridge", "workerpool/fastcgi", "workerpool/link", "workerpool/process", "workerpool/tempdir"},
		others: []string{"go.uber.org/zap/..."},
	},
	"workerpool": {
		ours:   []string{"goridge", "workerpool/budget", "workerpool/fastcgi", "workerpool/launch", "workerpool/link", "workerpool/process", "workerpool/watch"},
		others: []string{"go.uber.org/zap/...", "golang.org/x/sys/..."},
	},
	"php":            {},
	"module/classic": {},
	"module/form":    {ours: []string{"module/httpctx"}},
	"module/static":  {},
	"module/exchange": {
		ours:   []string{"goridge", "workerpool/budget", "workerpool/fastcgi", "workerpool/tempdir", "module/classic", "module/form", "module/httpctx"},
		others: []string{"go.uber.org/zap/...", "golang.org/x/net/http/httpguts"},
	},
	"module/migrate":           {ours: []string{"module/migrate/nginxconf", "module/migrate/fpmconf"}},
	"module/migrate/nginxconf": {ours: []string{"module/migrate/conffile"}},
	"module/migrate/fpmconf":   {ours: []string{"module/migrate/conffile"}},
	"module/migrate/conffile":  {},
	"module/httpctx":           {tests: []string{"google.golang.org/protobuf/encoding/protowire"}},
	"module": {
		ours: []string{"goridge", "workerpool", "workerpool/budget", "workerpool/process", "workerpool/tempdir", "module/classic", "module/form", "module/exchange", "module/httpctx", "module/migrate", "module/static", "php"},
		others: []string{
			caddy, caddy + "/cmd", caddy + "/modules/caddyevents", caddy + "/modules/caddyhttp/...",
			"github.com/dustin/go-humanize", "github.com/prometheus/client_golang/...", "github.com/spf13/cobra",
			"go.opentelemetry.io/otel/...", "go.uber.org/zap/...", "golang.org/x/sync/...",
		},
		tests: []string{caddy + "/..."},
	},
	"module/listener": {
		others: []string{caddy, caddy + "/caddyconfig/caddyfile", caddy + "/modules/caddyevents", caddy + "/modules/caddyhttp", "go.uber.org/zap", "golang.org/x/sys/unix"},
	},
	"caddyfile": {ours: []string{"module"}, others: []string{caddy + "/...", "github.com/dustin/go-humanize"}},
	".":         {ours: []string{"caddyfile", "module", "module/listener"}},
	"cmd/caddy": {ours: []string{"."}, others: []string{caddy + "/cmd", caddy + "/modules/standard"}},
	"cmd/build": {others: []string{"github.com/BurntSushi/toml"}},
	"integration": {ours: []string{"integration/peers"}, tests: []string{
		"github.com/quic-go/quic-go/...", "golang.org/x/net/...", "golang.org/x/sys/...", "google.golang.org/protobuf/encoding/protowire",
	}},
	"integration/bench": {ours: []string{"integration/peers"}},
	"integration/peers": {},
}

// source is one parsed Go file.
type source struct {
	room string // its folder, with slashes
	name string // from the module's root, with slashes
	file *ast.File
	size int // lines
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// sources parses every Go file of the module, whatever its build tags.
func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	var all []source
	set := token.NewFileSet()
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != ".." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel("..", file)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		all = append(all, source{room: path.Dir(relative), name: relative, file: parsed, size: bytes.Count(text, []byte("\n"))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, all
}

func TestImportsPointOneWayOnly(t *testing.T) {
	t.Parallel()
	_, all := sources(t)
	seen := make(map[string]bool)
	for _, s := range all {
		r, known := rooms[s.room]
		if !known {
			t.Errorf("%s: the room %s is not in the list of rooms: say there what it may import", s.name, s.room)
			continue
		}
		seen[s.room] = true
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !r.allows(s.room, imported, s.isTest()) {
				t.Errorf("%s: the room %s must not import %s", s.name, s.room, imported)
			}
		}
	}
	// The rooms that the arrows are about must have been looked into.
	for _, name := range []string{"goridge", "workerpool/process", "workerpool/tempdir", "workerpool/watch", "workerpool/link", "workerpool/fastcgi", "workerpool/launch", "workerpool", "module", "module/exchange", "module/form", "module/httpctx", "module/static", "module/listener", "caddyfile", ".", "cmd/caddy", "integration"} {
		if !seen[name] {
			t.Errorf("no Go file was found in the room %s", name)
		}
	}
}

func (r room) allows(own, imported string, test bool) bool {
	if domain, _, _ := strings.Cut(imported, "/"); !strings.Contains(domain, ".") {
		return imported != "C"
	}
	if imported == thisModule || strings.HasPrefix(imported, thisModule+"/") {
		name := strings.TrimPrefix(strings.TrimPrefix(imported, thisModule), "/")
		if name == "" {
			name = "."
		}
		return slices.Contains(r.ours, name) || test && name == own // an external test package
	}
	list := r.others
	if test {
		list = slices.Concat(r.others, r.tests)
	}
	return slices.ContainsFunc(list, func(allowed string) bool {
		parent, whole := strings.CutSuffix(allowed, "/...")
		return imported == parent || whole && strings.HasPrefix(imported, parent+"/")
	})
}

func TestTheRuleOfImportsKnowsWrongArrows(t *testing.T) {
	t.Parallel()
	for _, wrong := range [][2]string{
		{"goridge", "go.uber.org/zap"},
		{"goridge", thisModule + "/workerpool"},
		{"goridge", thisModule + "/workerpool/link"},
		{"workerpool/link", thisModule + "/workerpool"},
		{"workerpool/link", thisModule + "/workerpool/fastcgi"},
		{"workerpool/fastcgi", thisModule + "/workerpool/process"},
		{"workerpool/link", "go.uber.org/zap"},
		{"workerpool/link", thisModule + "/workerpool/process"},
		{"workerpool/launch", thisModule + "/workerpool"},
		{"workerpool/launch", thisModule + "/workerpool/watch"},
		{"workerpool/process", thisModule + "/workerpool"},
		{"workerpool/process", "go.uber.org/zap"},
		{"workerpool/tempdir", thisModule + "/workerpool/process"},
		{"workerpool/watch", thisModule + "/workerpool"},
		{"workerpool/watch", "go.uber.org/zap"},
		{"workerpool", thisModule + "/module"},
		{"workerpool", caddy},
		{"module", thisModule + "/caddyfile"},
		{"module", caddy + "/caddyconfig"},
		{"module", caddy + "/caddyconfig/caddyfile"},
		{"module/form", caddy},
		{"module/exchange", caddy + "/modules/caddyhttp"},
		{"module/exchange", thisModule + "/workerpool"},
		{"module/exchange", thisModule + "/module"},
		{"module/static", caddy},
		{"module/static", thisModule + "/module"},
		{"module/httpctx", thisModule + "/goridge"},
		{"caddyfile", thisModule + "/workerpool"},
		{".", thisModule + "/workerpool"},
		{"integration", thisModule + "/module"},
		{"integration", thisModule},
		{"integration", caddy},
	} {
		if rooms[wrong[0]].allows(wrong[0], wrong[1], false) {
			t.Errorf("the room %s may import %s", wrong[0], wrong[1])
		}
	}
	for _, right := range [][2]string{
		{"goridge", "io"},
		{"workerpool", "go.uber.org/zap/zapcore"},
		{"module", caddy},
		{"caddyfile", caddy + "/caddyconfig/httpcaddyfile"},
		{"cmd/caddy", thisModule},
	} {
		if !rooms[right[0]].allows(right[0], right[1], false) {
			t.Errorf("the room %s may not import %s", right[0], right[1])
		}
	}
}

func TestNoFileOutgrowsItsNoun(t *testing.T) {
	t.Parallel()
	_, all := sources(t)
	for _, s := range all {
		if !s.isTest() && s.size > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by behaviour", s.name, s.size, maxLines)
		}
	}
}

func TestNobodySleeps(t *testing.T) {
	t.Parallel()
	set, all := sources(t)
	if found := sleeps(parse(t, "package p\nimport \"time\"\nfunc f() { time."+"Sleep(1) }")); len(found) != 1 {
		t.Fatalf("a sleep was found %d times", len(found))
	}
	if found := sleeps(parse(t, "package p\nimport clock \"time\"\nfunc f() { clock."+"Sleep(1) }")); len(found) != 1 {
		t.Fatalf("a sleep of another name was found %d times", len(found))
	}
	for _, s := range all {
		for _, pos := range sleeps(s.file) {
			t.Errorf("%s: time.Sleep: wait for what must happen instead", fmt.Sprintf("%s:%d", s.name, set.Position(pos).Line))
		}
	}
}

func parse(t *testing.T, text string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// sleeps are the places where the file names time.Sleep.
func sleeps(file *ast.File) (found []token.Pos) {
	name := ""
	for _, spec := range file.Imports {
		if spec.Path.Value == `"time"` {
			name = "time"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "Sleep" {
			if x, ok := call.X.(*ast.Ident); ok && x.Name == name {
				found = append(found, call.Pos())
			}
		}
		return true
	})
	return found
}
