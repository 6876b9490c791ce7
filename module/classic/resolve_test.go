package classic

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// site makes a root with these files below a new folder: a name that ends in a slash is a folder, and
// "name -> target" a symbolic link.
func site(t testing.TB, files ...string) (root string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(base, "public")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name, target, isLink := strings.Cut(f, " -> ")
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case isLink:
			err = os.Symlink(target, name)
		case strings.HasSuffix(f, "/"):
			err = os.MkdirAll(name, 0o755)
		default:
			err = os.WriteFile(name, []byte("<?php"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func router(t testing.TB, rules Rules) *Router {
	t.Helper()
	r, err := NewRouter(rules)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outcome is a decision in short: the script and the PATH_INFO, or the status.
func outcome(d Decision) string {
	if d.Status != 0 {
		return fmt.Sprint(d.Status)
	}
	if d.Script.Info != "" {
		return d.Script.Name + " + " + d.Script.Info
	}
	return d.Script.Name
}

type routes map[string]string

func check(t *testing.T, r *Router, root string, want routes) {
	t.Helper()
	for path, want := range want {
		d := r.Resolve(root, path)
		if got := outcome(d); got != want {
			t.Errorf("%q: got %s (%s), want %s", path, got, d.Reason, want)
		}
		if d.Status == 0 && (d.Script.File != root+d.Script.Name || d.Script.Root != root) {
			t.Errorf("%q: %+v does not fit the root %s", path, d.Script, root)
		}
	}
}

func TestAFolderOfScriptsIsServedAsItLies(t *testing.T) {
	root := site(t, "a.php", "b.php", "style.css", "sub/c.php", "with/index.php", "with/d.php", "empty/", "odd.php/e.php", "odd.php/index.php",
		"x.jpg", "UP.PHP", "old.php~", "b.php.bak", "lib.inc", "p.phtml", ".env", ".git/index.php", ".well-known/w.php", "sub/.hidden.php", "dir.d/f.php")
	check(t, router(t, Rules{}), root, routes{
		"/a.php": "/a.php", "/a.php/": "/a.php + /", "/a.php/x/y": "/a.php + /x/y", "/a.php/x.php": "/a.php + /x.php",
		"/a.php/x//y/../z": "/a.php + /x/z", "//a.php": "/a.php", "/./a.php": "/a.php", "/sub/../a.php": "/a.php", "/../../a.php": "/a.php",
		"/sub/c.php": "/sub/c.php", "/sub/c.php/..": "404", "/dir.d/f.php": "/dir.d/f.php",
		"/with": "308", "/with/": "/with/index.php", "/with/.": "/with/index.php", "/with//": "/with/index.php", "/with/d.php": "/with/d.php",
		"/with/index.php": "/with/index.php", "/with/index.php/a": "/with/index.php + /a",
		"/odd.php/e.php": "/odd.php/e.php", "/odd.php": "308", "/odd.php/": "/odd.php/index.php", "/odd.php/e.php/i": "/odd.php/e.php + /i",
		"/.well-known/w.php": "/.well-known/w.php",

		"/": "404", "": "404", "*": "404", "/empty": "404", "/empty/": "404", "/nothing": "404", "/nothing.php": "404", "/nothing.php/x": "404",
		"/style.css": "404", "/style.css/": "404", "/style.css/a.php": "404", "/x.jpg/y.php": "404", "/x.jpg%00.php": "404",
		"/a.php\x00.css": "400", "/x.jpg\x00.php": "400", "/a.PHP": "404", "/UP.PHP": "404", "/old.php~": "404", "/b.php.bak": "404",
		"/lib.inc": "404", "/p.phtml": "404", "/.env": "404", "/.git/index.php": "404", "/.git/": "404", "/.git": "404", "/sub/.hidden.php": "404",
		"/a.php ": "404", "/a.php.": "404", "/a.phpx": "404", "/a.php\n": "404", "/a\\..\\b.php": "404", "/sub\\c.php": "404", "/.php": "404", "/sub/.php": "404",
		"/" + strings.Repeat("a", 300) + ".php": "404", "/" + strings.Repeat("a/", 5000) + "b.php": "404", "/a.php/" + strings.Repeat("a/", 5000): "/a.php + /" + strings.Repeat("a/", 5000),
	})
}

func TestAFrontControllerGetsWhatIsNoFile(t *testing.T) {
	root := site(t, "index.php", "admin/index.php", "other.php", "style.css", ".env", "composer.json", "page/", "x.jpg", "artisan")
	check(t, router(t, Rules{}), root, routes{
		"/": "/index.php", "": "/index.php", "*": "/index.php", "/index.php": "/index.php", "/index.php/a/b": "/index.php + /a/b",
		"/some/page": "/index.php", "/some/page/": "/index.php", "/page": "/index.php", "/page/": "/index.php", "/nothing.php": "/index.php",
		"/nothing.php/x": "/index.php", "/a.php.d": "/index.php", "/other.php": "/other.php", "/admin": "308", "/admin/": "/admin/index.php",
		"/admin/users": "/index.php", "/x.jpg/y": "/index.php", "/" + strings.Repeat("x", 5000): "/index.php",
		"/sub\\page": "/index.php", "/.well-known/acme": "/index.php", "/.git/config": "/index.php",
		"/x.jpg/y.php": "404", "/style.css": "404", "/.env": "404", "/composer.json": "404", "/artisan": "404", "/x.jpg": "404",
	})
}

func TestTryFilesAreTriedInTheirOrder(t *testing.T) {
	root := site(t, "index.php", "app.php", "about.php", "blog/index.php", "blog/main.php", "shop/main.php", "plain/")
	for _, test := range []struct {
		rules Rules
		want  routes
	}{
		{Rules{TryFiles: []string{"{path}", "app.php"}}, routes{"/": "/app.php", "/blog/": "/app.php", "/blog": "/app.php", "/index.php": "/index.php", "/x": "/app.php"}},
		{Rules{TryFiles: []string{"{path}", "{path}.php", "{path}/", "=404"}}, routes{"/about": "/about.php", "/about/": "/about.php", "/": "/index.php", "/blog": "308", "/x": "404"}},
		{Rules{TryFiles: []string{"{http.request.uri.path}", "{path}/index.php", "=410"}}, routes{"/blog": "308", "/blog/": "/blog/index.php", "/x": "410", "/shop/": "410"}},
		{Rules{TryFiles: []string{"index.php{path}"}}, routes{"/": "/index.php + /", "/a/b": "/index.php + /a/b", "/about.php": "/index.php + /about.php", "/../x": "/index.php + /x"}},
		{Rules{TryFiles: []string{"{path}", "/blog/main.php"}}, routes{"/x": "/blog/main.php", "/about.php": "/about.php"}},
		{Rules{TryFiles: []string{"/blog{path}", "=404"}}, routes{"/main.php": "/blog/main.php", "/index.php/i": "/blog/index.php + /i", "/about.php": "404"}},
		{Rules{Index: []string{"main.php", "index.php"}}, routes{"/blog/": "/blog/main.php", "/shop/": "/shop/main.php", "/shop": "308", "/": "/index.php", "/x": "/index.php", "/plain/": "/index.php"}},
		{Rules{Index: []string{"off"}}, routes{"/": "404", "/blog/": "404", "/blog": "404", "/about.php": "/about.php", "/about.php/i": "/about.php + /i", "/x": "404"}},
		{Rules{Index: []string{"gone.php"}}, routes{"/": "404", "/x": "404", "/about.php": "/about.php"}},
	} {
		check(t, router(t, test.rules), root, test.want)
	}
}

func TestOtherExtensionsAreScriptsWhereSplitSaysSo(t *testing.T) {
	root := site(t, "a.php", "a.phtml", "a.php5", "b.phtml/c.php")
	check(t, router(t, Rules{Split: []string{".phtml", ".php5"}}), root, routes{
		"/a.phtml": "/a.phtml", "/a.phtml/x": "/a.phtml + /x", "/a.php5/x.phtml": "/a.php5 + /x.phtml", "/a.php": "404", "/b.phtml/c.php": "404",
	})
}

func TestNoScriptRunsWhereDenyScriptsSaysSo(t *testing.T) {
	root := site(t, "index.php", "uploads/evil.php", "uploads/a/index.php", "uploads/pic.jpg", "uploads2/ok.php", "sites/x/files/e.php", "sites/x/y/files/e.php",
		"sites/x/files.php", "link -> uploads", "direct.php -> uploads/evil.php", "Kits/e.php")
	check(t, router(t, Rules{Deny: []string{"/uploads", "/sites/*/files/*", "/kits/"}}), root, routes{
		"/uploads/evil.php": "403", "/uploads/gone.php": "403", "/uploads/evil.php/x": "403", "/uploads/pic.jpg/x.php": "403", "/UpLoads/evil.php": "403",
		"/uploads/a/": "403", "/uploads/a": "403", "/uploads/": "/index.php", "/uploads/gone": "/index.php", "//uploads/./evil.php": "403", "/x/../uploads/evil.php": "403",
		"/uploads2/ok.php": "/uploads2/ok.php", "/uploads/pic.jpg": "404", "/link/evil.php": "403", "/direct.php": "403",
		"/sites/x/files/e.php": "403", "/sites/x/y/files/e.php": "/sites/x/y/files/e.php", "/sites/x/files.php": "/sites/x/files.php",
		"/Kits/e.php": "403", "/\u212aits/e.php": "403", "/kit\u017f/e.php": "403",
	})
}

func TestLinksAreFollowedButNotOutOfTheRoot(t *testing.T) {
	root := site(t, "real.php", "sub/s.php", "in.php -> real.php", "folder -> sub", "out.php -> ../secret.php", "outside -> ../other", "absolute.php -> /etc/hostname",
		"broken.php -> nowhere.php", "loop.php -> loop.php", "text.php -> readme.txt", "readme.txt", "dot.php -> .private.php", ".private.php", "up.php -> ../public/real.php",
		"../secret.php", "../other/o.php", "../other/index.php", "../public2/p.php", "sibling.php -> ../public2/p.php", "tofolder.php -> sub", "self -> .")
	check(t, router(t, Rules{}), root, routes{
		"/in.php": "/in.php", "/folder/s.php": "/folder/s.php", "/folder/s.php/i": "/folder/s.php + /i", "/up.php": "/up.php", "/self/self/real.php": "/self/self/real.php",
		"/out.php": "404", "/outside/o.php": "404", "/outside/": "404", "/outside": "404", "/absolute.php": "404", "/broken.php": "404", "/loop.php": "404",
		"/text.php": "404", "/dot.php": "404", "/sibling.php": "404", "/tofolder.php/s.php": "/tofolder.php/s.php", "/../secret.php": "404",
	})
}

func TestARootThatIsALinkIsFollowedAtEachRequest(t *testing.T) {
	one, two := site(t, "index.php", "one.php"), site(t, "index.php", "two.php")
	current := filepath.Join(t.TempDir(), "current")
	r := router(t, Rules{})
	for _, release := range []string{one, two, one} {
		next := current + ".new"
		if err := os.Symlink(filepath.Dir(release), next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, current); err != nil {
			t.Fatal(err)
		}
		d := r.Resolve(current+"/public", "/")
		if d.Status != 0 || d.Script.Root != release || d.Script.File != release+"/index.php" || d.Script.Name != "/index.php" {
			t.Errorf("with the link to %s: %+v", release, d)
		}
	}
}

func TestARootThatIsNoFolderIsSaidToBeNone(t *testing.T) {
	root := site(t, "a.php")
	for _, bad := range []string{root + "/gone", root + "/a.php"} {
		if d := router(t, Rules{}).Resolve(bad, "/a.php"); d.Status != 404 || !strings.Contains(d.Reason, bad) {
			t.Errorf("%s: %+v", bad, d)
		}
	}
}

func TestWhatIsNoFileIsNoScript(t *testing.T) {
	root := site(t, "a/")
	if err := makePipe(root + "/pipe.php"); err != nil {
		t.Skip(err)
	}
	check(t, router(t, Rules{}), root, routes{"/pipe.php": "404", "/pipe.php/x": "404"})
}

func TestFoldersThatThisProcessMayNotEnterAre403(t *testing.T) {
	root := site(t, "closed/a.php", "index.php")
	closed := root + "/closed"
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o755) })
	r := router(t, Rules{})
	if os.Geteuid() == 0 { // who may everything is told what others are
		ask := r.disk.kind
		r.disk.kind = func(name string) kind {
			if strings.HasPrefix(name, closed+"/") {
				return hidden
			}
			return ask(name)
		}
	}
	check(t, r, root, routes{"/closed/a.php": "403", "/closed/b": "403", "/closed/": "403", "/closed": "403"})
}

func TestRulesThatMakeNoSenseAreRefused(t *testing.T) {
	for want, rules := range map[string]Rules{
		"split: ":                       {Split: []string{"php"}},
		"split: \"\"":                   {Split: []string{""}},
		"split: \".\"":                  {Split: []string{"."}},
		"split: \".p/p\"":               {Split: []string{".p/p"}},
		"index: \"index.html\"":         {Index: []string{"index.html"}},
		"index: off stands alone":       {Index: []string{"off", "index.php"}},
		"index: \"a/index.php\"":        {Index: []string{"a/index.php"}},
		"try_files: \"index.html\"":     {TryFiles: []string{"{path}", "index.html"}},
		"try_files: \"index.php?q=1\"":  {TryFiles: []string{"index.php?q=1"}},
		"try_files: \"=99\"":            {TryFiles: []string{"=99"}},
		"try_files: \"=200\"":           {TryFiles: []string{"=200"}},
		"try_files: \"{host}/a.php\"":   {TryFiles: []string{"{host}/a.php"}},
		"try_files: \"{path}{path}\"":   {TryFiles: []string{"{path}{path}"}},
		"try_files: \"../a.php\"":       {TryFiles: []string{"../a.php"}},
		"try_files: a candidate":        {TryFiles: []string{""}},
		"deny_scripts: \"uploads\"":     {Deny: []string{"uploads"}},
		"deny_scripts: \"/\" would":     {Deny: []string{"/"}},
		"deny_scripts: \"/*\" would":    {Deny: []string{"/*"}},
		"deny_scripts: \"/a/../b\"":     {Deny: []string{"/a/../b"}},
		"deny_scripts: \"/a[\"":         {Deny: []string{"/a["}},
		"does not end in .php or .php5": {Split: []string{".php", ".php5"}, Index: []string{"index.phtml"}},
	} {
		if _, err := NewRouter(rules); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v does not say %q", rules, err, want)
		}
	}
}

// asked counts what is asked of the disk.
type asked struct{ plain, roots, kinds, resolved int }

func counted(r *Router) *asked {
	n, inner := new(asked), r.disk
	r.disk = disk{
		plain:   func(name string) bool { n.plain++; return inner.plain(name) },
		root:    func(name string) (string, error) { n.roots++; return inner.root(name) },
		kind:    func(name string) kind { n.kinds++; return inner.kind(name) },
		resolve: func(name string) (string, error) { n.resolved++; return inner.resolve(name) },
	}
	return n
}

func TestADecisionCostsFewQuestions(t *testing.T) {
	root := site(t, "index.php", "wp-admin/post.php", "wp-admin/index.php", "a.php/a.php/a.php/b.php")
	r := router(t, Rules{})
	want := asked{plain: 1}
	if !r.disk.plain(root) { // this system cannot tell
		want.roots = 1
	}
	n := counted(r)
	for path, kinds := range map[string]int{
		"/":                                 1, // the index
		"/index.php":                        1,
		"/index.php/a/b/c":                  1,
		"/some/pretty/url":                  2, // nothing there; the front controller
		"/some/pretty/url/":                 2,
		"/wp-admin/":                        2, // the index, and that its folder is no link
		"/wp-admin/post.php":                2,
		"/wp-admin":                         3, // a folder; its index as above
		"/nothing.php":                      2,
		"/nothing.php/a.php/b/c":            2,
		"/" + strings.Repeat("x.php/", 500): 2, // below nothing is nothing
		"/" + strings.Repeat("a.php/", 500): 5, // three folders, nothing, the front controller
		"/index.php/" + strings.Repeat("x.php/../", 500): 1,
	} {
		*n = asked{}
		r.Resolve(root, path)
		if want.kinds = kinds; *n != want {
			t.Errorf("%.40q asked the disk %+v times, want %+v", path, *n, want)
		}
	}
}
