package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// listed is what "go list" tells of a package.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string // what an import stands for, where that is another package
	Module     *struct {
		Main      bool
		GoVersion string
	}
	ForTest string
	Error   *struct{ Err string }
}

// Nobody here has these systems, and compiling Caddy for them takes minutes, as "make lint" does. Errors of types are
// what a change there is broken by; bodies of functions are looked at where they are ours.
func TestEverythingIsWellTypedOnMacOSAndWindows(t *testing.T) {
	// All that a user builds, and the tests of the rooms without Caddy; those of the pool signal processes, which Windows cannot do.
	product := []string{"../..", "../../goridge", "../../workerpool/...", "../../module/...", "../../caddyfile", "../..."}
	rooms := []string{"../../goridge", "../../workerpool/...", "../../module/classic", "../../module/exchange", "../../module/form", "../../module/httpctx",
		"../../module/migrate/...", "../../module/static"}
	for _, system := range []string{"darwin", "windows"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			known := map[string]*types.Package{"unsafe": types.Unsafe}
			wellTyped(t, system, known, product)
			wellTyped(t, system, known, append([]string{"-test"}, rooms...))
		})
	}
}

// wellTyped checks the packages, and all that they import, in the order of their imports, and adds them to those known by
// their import paths, which it leaves alone.
func wellTyped(t *testing.T, system string, known map[string]*types.Package, packages []string) {
	list := exec.Command("go", append([]string{"list", "-e", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap,Module,ForTest,Error"}, packages...)...)
	list.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	ours := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Error != nil {
			t.Fatalf("%s: %s", p.ImportPath, p.Error.Err)
		}
		main := p.Module != nil && p.Module.Main
		if main {
			ours++
		}
		if known[p.ImportPath] != nil {
			continue
		}
		if main { // so that a result that Go has kept is not taken for one with another file
			if _, err := os.ReadDir(p.Dir); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasSuffix(p.ImportPath, ".test") || main && system == "windows" && strings.HasSuffix(p.ForTest, "/workerpool") {
			continue
		}
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, file)
		}
		config := types.Config{
			IgnoreFuncBodies: !main,
			Sizes:            types.SizesFor("gc", "amd64"),
			Importer: importerFunc(func(path string) (*types.Package, error) {
				if other, ok := p.ImportMap[path]; ok {
					path = other
				}
				return known[path], nil
			}),
			Error: func(err error) {
				if main {
					t.Error(err)
				}
			},
		}
		if p.Module != nil && p.Module.GoVersion != "" {
			config.GoVersion = "go" + p.Module.GoVersion
		}
		known[p.ImportPath], _ = config.Check(p.ImportPath, files, parsed, nil)
	}
	if ours < 10 {
		t.Fatalf("only %d packages of ours were looked at", ours)
	}
}

// importerFunc is an importer made of a function.
type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }
