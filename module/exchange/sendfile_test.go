package exchange

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

func TestTheNameOfAFileIsReadAsItsHeaderHasIt(t *testing.T) {
	for _, c := range []struct{ header, value, want string }{
		{"X-Sendfile", "a?b%20c", "a?b%20c"}, {"X-Accel-Redirect", "/a%20b", "/a b"}, {"X-Accel-Redirect", "/file.bin?x=1", "/file.bin"},
		{"X-Accel-Redirect", "/a%3Fb?c%zz?", "/a?b"}, {"X-Accel-Redirect", "/%zz?", "/%zz"}, {"X-Accel-Redirect", "?x", "/"},
		{"X-Accel-Redirect", "", ""}, {"X-Other", "/a", ""},
	} {
		if got := sendfileName(&httpctx.Response{Header: []httpctx.Pair{{Name: c.header, Value: c.value}}}); got != c.want {
			t.Errorf("%s: %s names %q, want %q", c.header, c.value, got, c.want)
		}
	}
}

func TestFilesAreOpenedBelowTheRootsOnly(t *testing.T) {
	top := t.TempDir()
	for _, name := range []string{"one/a.txt", "two/b.txt", "two/a.txt", "secret.txt"} {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"one/out": "../secret.txt", "one/up": "..", "one/in": "a.txt", "now": "one"} {
		if err := os.Symlink(target, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	o := &Options{Sendfile: []string{filepath.Join(top, "now"), filepath.Join(top, "two")}}
	for name, want := range map[string]string{
		"a.txt": "one/a.txt", "/a.txt": "one/a.txt", "b.txt": "two/b.txt", "in": "one/a.txt", "../two/b.txt": "missing", "x/../a.txt": "one/a.txt",
		top + "/now/a.txt": "one/a.txt", top + "/one/a.txt": "one/a.txt", top + "/two/a.txt": "two/a.txt",
		top + "/secret.txt": "missing", "/etc/passwd": "missing", "": "refused", ".": "refused", "/": "refused",
		"out": "refused", "up/secret.txt": "refused", "a.txt\x00": "refused",
	} {
		file, _, err := o.openBelowRoots(name)
		got := "refused"
		if err == nil {
			content, _ := os.ReadFile(file.Name())
			got = string(content)
			file.Close()
		} else if errors.Is(err, fs.ErrNotExist) {
			got = "missing"
		}
		if got != want {
			t.Errorf("%q: %s, %v, want %s", name, got, err, want)
		}
	}
}
