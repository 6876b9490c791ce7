package classic

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzResolve holds what must be true of every script that is decided for, whatever the path.
func FuzzResolve(f *testing.F) {
	root := site(f, "index.php", "a.php", "sub/b.php", "sub/index.php", "sub.php/c.php", "x.jpg", "style.css", ".env", ".git/g.php", "uploads/evil.php", "uploads/index.php",
		"out.php -> ../secret.php", "outside -> ..", "in -> sub", "up -> uploads", "text.php -> x.jpg", "self -> .", "../secret.php", "a.php~", "b.PHP", "c.phtml", "d.php.")
	r := router(f, Rules{Deny: []string{"/uploads"}})
	n := counted(r)
	for _, path := range []string{"", "*", "/", "/a.php", "/a.php/i", "/sub", "/sub/", "/in/b.php", "/up/evil.php", "/out.php", "/outside/secret.php", "/self/self/a.php", "/x.jpg/y.php",
		"/sub.php/c.php/d", "/a.php\x00", "//a.php//b", "/../a.php", "/.git/g.php", "/UPLOADS/evil.php", "/a\\b.php", "/a.php\n", "/sub/../uploads/evil.php", "/text.php", "/d.php.", "/\xff.php"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		*n = asked{}
		d := r.Resolve(root, path)
		if bound := 10 + 3*strings.Count(path, "/"); n.kinds > bound {
			t.Errorf("%q asked %d times", path, n.kinds)
		}
		if d.Status != 0 {
			if d.Script != (Script{Root: d.Script.Root}) {
				t.Errorf("%q is refused with a script: %+v", path, d)
			}
			return
		}
		s := d.Script
		real, err := filepath.EvalSymlinks(s.File)
		if err != nil {
			t.Fatalf("%q: %+v: %v", path, s, err)
		}
		info, err := os.Lstat(real)
		if err != nil || !info.Mode().IsRegular() {
			t.Errorf("%q: %s is no regular file", path, real)
		}
		below, ok := strings.CutPrefix(real, root+"/")
		if !ok || s.File != root+s.Name || s.Root != root {
			t.Errorf("%q: %+v is not below %s", path, s, root)
		}
		for _, name := range []string{s.File, real} {
			if !strings.HasSuffix(name, ".php") || strings.Contains(name, "/.") || strings.Contains(strings.ToLower(name), "/uploads/") {
				t.Errorf("%q: %s must not be executed", path, name)
			}
		}
		if strings.Contains(below, "secret") {
			t.Errorf("%q: a file out of the root", path)
		}
		if s.Info != "" && (s.Info[0] != '/' || s.Name+s.Info != cleanPath(path)) {
			t.Errorf("%q: %q and %q are not its parts", path, s.Name, s.Info)
		}
	})
}
