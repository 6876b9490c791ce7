package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// scripts copies the scripts of testdata/classic to a folder of their own, adds files, and returns the
// folder: a name that ends in a slash is a folder, "name -> target" a symbolic link.
func scripts(t *testing.T, files ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("classic mode is for Linux")
	}
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(base, "public")
	if err := os.CopyFS(root, os.DirFS("testdata/classic")); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f, target, isLink := strings.Cut(f, " -> ")
		name := filepath.Join(root, f)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case isLink:
			err = os.Symlink(target, name)
		case strings.HasSuffix(f, "/"):
			err = os.MkdirAll(name, 0o755)
		case strings.HasSuffix(f, ".php"):
			err = os.WriteFile(name, []byte("<?php echo 'ran ', $_SERVER['SCRIPT_NAME'], ' ', $_SERVER['PATH_INFO'];"), 0o644)
		default:
			err = os.WriteFile(name, []byte("<?php secret();"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// classicSite is a site that runs the scripts in root.
func classicSite(root string, options ...string) string {
	return fmt.Sprintf("root %q\nphp_worker {\n\t%s\n}\n", root, strings.Join(options, "\n\t"))
}

// told is what see.php saw of a request.
type told struct {
	Script                   string
	Server                   map[string]any
	Get, Post, Cookie, Files any
	All                      map[string]string
	Length                   int
	SHA1, SAPI, Env, Cwd     string
	Ini, Precision           string
	PID                      int
}

// param is a variable of $_SERVER, "-" where there is none.
func (s told) param(name string) string {
	value, ok := s.Server[name]
	if !ok {
		return "-"
	}
	return fmt.Sprint(value)
}

// see sends a request to see.php, or to what its answer looks like.
func see(t *testing.T, r *http.Request) (s told) {
	t.Helper()
	status, body := do(t, r)
	if status != http.StatusOK {
		t.Fatalf("%s %s: status %d, %.500s", r.Method, r.URL, status, body)
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatalf("%s %s: %v in %.500s", r.Method, r.URL, err, body)
	}
	return s
}
