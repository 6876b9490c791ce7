package module

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// staticSite makes the folders site/public and beside it files that no one must see,
// and returns the path of site/public. Names that end in a slash are folders;
// "a -> b" is a symbolic link.
func staticSite(t testing.TB) string {
	t.Helper()
	top := t.TempDir()
	for _, entry := range []string{
		"config.php", ".env", "composer.json", "notes.txt", "shared/logo.svg",
		"public/index.html", "public/index.php", "public/app.css", "public/a b.txt", "public/ü.txt",
		"public/docs/index.html", "public/docs/guide.html", "public/empty/", "public/odd/index.html/",
		"public/.env", "public/.git/config", "public/.well-known/acme", "public/.well-known/.secret",
		"public/.well-known/x.php", "public/docs/.well-known/acme", "public/.hidden/app.css",
		"public/a.php", "public/a.PHP", "public/a.phtml", "public/a.phar", "public/a.inc", "public/a.phps", "public/a.php.",
		"public/a.php ", "public/a.txt.", "public/a.txt ", "public/a.php.txt", "public/a.php\\", "public/a.php:x",
		"public/mod.php/app.css", "public/php", "public/inc/list", "public/a.phpſ", "public/pacKage.json",
		"public/composer.json", "public/COMPOSER.JSON", "public/composer.lock", "public/docs/Package.json",
		"public/x-composer.json", "public/CONFIG~1.TXT", "public/long-name~1.txt", "public/a~b.txt",
		"public/a.ｐｈｐ", "public/․env", "public/bad\xff.txt", "public/a\tb.txt", "public/a\x7fb.txt",
		"public/notes.txt -> ../notes.txt", "public/logo.txt -> ../config.php", "public/dot.txt -> ../.env",
		"public/manifest.txt -> composer.json", "public/twice.txt -> logo.txt", "public/dangling.txt -> nowhere",
		"public/loop.txt -> loop.txt", "public/storage -> ../shared", "public/manual -> docs",
		"public/trap/index.html -> ../a.php",
		".git/HEAD", ".git/index.html", ".well-known/acme", "src/mod.php/logo.svg", "hop.txt -> .git/HEAD", "shared/deep -> ../.git",
		"public/head.txt -> ../.git/HEAD", "public/git -> ../.git", "public/hop.txt -> ../hop.txt", "public/src -> ../src/mod.php",
		"public/own.txt -> .hidden/app.css", "public/.well-known/git -> ../../.git", "public/front/index.html -> ../../.git/index.html",
		"public/acme -> .well-known", "public/beside -> ../.well-known", "public/self -> .", "public/up -> ..",
		"vendor/composer/installed.json", "index.php.bak", "public/packages.txt -> ../vendor/composer/installed.json",
		"public/tree -> ../vendor/composer", "public/backup.txt -> ../index.php.bak",
	} {
		name, target, isLink := strings.Cut(entry, " -> ")
		name = filepath.Join(top, filepath.FromSlash(name))
		folder := filepath.Dir(name)
		if strings.HasSuffix(entry, "/") {
			folder = name
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case isLink:
			err = os.Symlink(target, name)
		case folder != name:
			err = os.WriteFile(name, []byte(entry), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(top, "public")
}

// staticRequest is one as Caddy gives it to a matcher, with the path decoded as
// net/http does and the variables of the site.
func staticRequest(t testing.TB, method, target string, vars map[string]any) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatalf("net/http would refuse %q itself: %v", target, err)
	}
	if vars == nil {
		vars = make(map[string]any)
	}
	r := &http.Request{Method: method, URL: u, Host: "localhost", Header: make(http.Header)}
	r = r.WithContext(context.WithValue(t.Context(), caddyhttp.VarsCtxKey, vars))
	caddyhttp.NewTestReplacer(r)
	return r
}

func staticMatches(t testing.TB, m StaticMatcher, r *http.Request) bool {
	t.Helper()
	match, err := m.MatchWithError(r)
	if err != nil {
		t.Fatal(err)
	}
	return match
}

func TestOnlyServableFilesMatch(t *testing.T) {
	m := StaticMatcher{Root: staticSite(t)}
	for target, want := range map[string]bool{
		// Plain files and folders.
		"/":                              true,
		"/index.html":                    true,
		"/app.css":                       true,
		"/app.css?v=/../.env":            true,
		"/a%20b.txt":                     true,
		"/%C3%BC.txt":                    true,
		"/docs":                          true, // the file server adds the slash
		"/docs/":                         true,
		"/docs/guide.html":               true,
		"/manual/guide.html":             true,
		"/manual":                        true,
		"/manual/":                       true,
		"/storage/logo.svg":              true,
		"/notes.txt":                     true, // out of the root by a link, as the file server allows
		"/%61pp.css":                     true,
		"//app.css":                      true, // the file server joins slashes, too
		"/docs//guide.html":              true,
		"/php":                           true,
		"/inc/list":                      true,
		"/a.php.txt":                     true,
		"/x-composer.json":               true,
		"/a~b.txt":                       true,
		"/long-name~1.txt":               true,
		"/.well-known/acme":              true,
		"//.well-known/acme":             true,
		"/a.%EF%BD%90%EF%BD%88%EF%BD%90": true, // full-width letters: another name, no source
		"/%E2%80%A4env":                  true, // U+2024 is no dot

		// Nothing there, or nothing to serve.
		"/users/5":                       false,
		"/app.css/":                      false,
		"/app.css/x":                     false,
		"/empty":                         false,
		"/empty/":                        false,
		"/odd":                           false,
		"/odd/":                          false,
		"/dangling.txt":                  false,
		"/loop.txt":                      false,
		"/App.css":                       false,
		"/app.css%3Fx":                   false,
		"/app.css%23":                    false,
		"/%252e%252e/notes.txt":          false,
		"/" + strings.Repeat("a", 300):   false,
		"/" + strings.Repeat("a/", 3000): false,

		// PHP sources.
		"/index.php":         false,
		"/index.PHP":         false,
		"/index.php/":        false,
		"/index.php/app.css": false,
		"/mod.php/app.css":   false,
		"/a.php":             false,
		"/a.PHP":             false,
		"/a.%70hp":           false,
		"/a.phtml":           false,
		"/a.phar":            false,
		"/a.inc":             false,
		"/a.phps":            false,
		"/a.php.":            false,
		"/a.php%20":          false,
		"/a.php%2e":          false,
		"/a.php%5C":          false,
		"/a.php%2Fapp.css":   false,
		"/a.php::$DATA":      false,
		"/a.php:x":           false,
		"/a.php%00":          false,
		"/a.php%00.txt":      false,
		"/app.css%00.php":    false,
		"/a.php;.css":        false,
		"/a.php%09":          false,
		"/a.php%0a":          false,
		"/a.php%7f":          false,
		"/a.php%EF%BC%8E":    false,
		"/a.php%C5%BF":       false, // U+017F folds to s on some file systems
		"/docs/../a.php":     false,
		"/.well-known/x.php": false,
		"/logo.txt":          false, // a link to a source
		"/twice.txt":         false,
		"/trap":              false,
		"/trap/":             false,
		"/trap/index.html":   false,

		// Dot names and ways up.
		"/.env":                         false,
		"/%2eenv":                       false,
		"//.env":                        false,
		"/dot.txt":                      false,
		"/.git/config":                  false,
		"/.git/":                        false,
		"/.hidden/app.css":              false,
		"/.well-known/.secret":          false,
		"/.well-known/../.env":          false,
		"/docs/.well-known/acme":        false,
		"/.Well-Known/acme":             false,
		"/./app.css":                    false,
		"/docs/../app.css":              false,
		"/docs/..":                      false,
		"/../notes.txt":                 false,
		"/%2e%2e/notes.txt":             false,
		"/..%2fnotes.txt":               false,
		"/..%5cnotes.txt":               false,
		"/docs%5c..%5capp.css":          false,
		"/.%2e/.%2e/etc/passwd":         false,
		"/...":                          false,
		"/%c0%ae%c0%ae/notes.txt":       false, // overlong dots
		"/%e0%80%ae%e0%80%ae/notes.txt": false,
		"/..%c0%afnotes.txt":            false,
		"/bad%ff.txt":                   false,
		"//etc/passwd":                  false,
		"/etc/passwd":                   false,

		// Manifests.
		"/composer.json":        false,
		"/COMPOSER.JSON":        false,
		"/composer.json/":       false,
		"/composer.lock":        false,
		"/docs/Package.json":    false,
		"/pac%E2%84%AAage.json": false, // U+212A folds to k on some file systems
		"/manifest.txt":         false,

		// Names that are another name elsewhere.
		"/a.txt.":       false,
		"/a.txt%20":     false,
		"/a%7Fb.txt":    false,
		"/a%09b.txt":    false,
		"/CONFIG~1.TXT": false,
		"/C:/app.css":   false,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := staticMatches(t, m, staticRequest(t, method, target, nil)); got != want {
				t.Errorf("%s %s: match %v, want %v", method, target, got, want)
			}
		}
	}
}

func TestOtherMethodsGoToTheWorker(t *testing.T) {
	m := StaticMatcher{Root: staticSite(t)}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", ""} {
		if staticMatches(t, m, staticRequest(t, method, "/app.css", nil)) {
			t.Errorf("%q /app.css matches", method)
		}
	}
}

func TestWhatIsNoRegularFileIsNotServed(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root) // the address of a socket must be short
	for _, name := range []string{"a.css", "index.html"} {
		listener, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
	}
	for _, target := range []string{"/a.css", "/"} {
		if staticMatches(t, StaticMatcher{Root: root}, staticRequest(t, http.MethodGet, target, nil)) {
			t.Errorf("%s, a socket, matches", target)
		}
	}
}

func TestPathsWithoutALeadingSlashDoNotMatch(t *testing.T) {
	m := StaticMatcher{Root: staticSite(t)}
	for _, path := range []string{"", "app.css", "*"} {
		r := staticRequest(t, http.MethodGet, "/", nil)
		r.URL.Path = path
		if staticMatches(t, m, r) {
			t.Errorf("path %q matches", path)
		}
	}
}

func TestTheRootIsTheNamedOneOrTheSitesButNeverTheCurrentFolder(t *testing.T) {
	root := staticSite(t)
	t.Chdir(root) // where /app.css would be found by mistake
	for _, test := range []struct {
		name string
		root string
		vars map[string]any
		want bool
	}{
		{name: "no root at all", want: false},
		{name: "an empty site root", vars: map[string]any{"root": ""}, want: false},
		{name: "a site root that is no text", vars: map[string]any{"root": 1}, want: false},
		{name: "the site's root", vars: map[string]any{"root": root}, want: true},
		{name: "the site's root elsewhere", vars: map[string]any{"root": filepath.Dir(root)}, want: false},
		{name: "its own root before the site's", root: root, vars: map[string]any{"root": filepath.Dir(root)}, want: true},
		{name: "a current folder that is named", root: ".", want: true},
		{name: "a root from a placeholder", root: "{http.vars.base}", vars: map[string]any{"base": root}, want: true},
		{name: "a root from two placeholders", root: "{http.vars.top}/{http.vars.sub}", vars: map[string]any{"top": filepath.Dir(root), "sub": "public"}, want: true},
		{name: "a placeholder without a value", root: "{http.vars.base}", want: false},
		{name: "a placeholder without a value in the middle", root: root + "{http.vars.base}/", want: false},
		{name: "a placeholder nobody knows", root: root + "{nonsense}", want: false},
		{name: "the default file system by name", root: root, vars: map[string]any{"fs": "default"}, want: true},
		{name: "another file system", root: root, vars: map[string]any{"fs": "embedded"}, want: false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := StaticMatcher{Root: test.root}
			if got := staticMatches(t, m, staticRequest(t, http.MethodGet, "/app.css", test.vars)); got != test.want {
				t.Errorf("match %v, want %v", got, test.want)
			}
		})
	}
}

func TestNamesOfManifestsAndBackupsOfSourcesAreNeverServed(t *testing.T) {
	for path, want := range map[string]bool{
		"/auth.json": false, "/Auth.JSON": false, "/package-lock.json": false, "/npm-shrinkwrap.json": false, "/yarn.lock": false,
		"/YARN.LOC\u212a": false, "/pnpm-lock.yaml": false, "/\u017fymfony.lock": false, "/composer.phar": false, "/docs/auth.json": false, "/auth.json/x": false,
		"/my-auth.json": true, "/auth.json5": true, "/other.lock": true, "/data.yaml": true, "/manifest.json": true, "/package.json.txt": true,

		"/index.php~": false, "/readme.txt~": false, "/~": false, "/a~/b.txt": false, "/index.php.~1~": false,
		"/index.php.bak": false, "/index.php.orig": false, "/index.php.old": false, "/index.php.save": false, "/index.php.swp": false, "/index.php.swo": false,
		"/index.php.dist": false, "/INDEX.PHP.BAK": false, "/index.phtml.Old": false, "/index.php.bak.old": false, "/index.php~.bak": false,
		"/composer.json.dist": false, "/auth.json.bak": false, "/old.php.bak/x.txt": false, "/.env.bak": false, "/.well-known.bak/x": false,
		"/readme.txt.bak": true, "/readme.bak": true, "/php.bak": true, "/x/php.bak": true, "/logo.svg.orig": true, "/phpunit.xml.dist": true, "/dist": true, "/old": true, "/app.min.css.old": true,
		"/index.php.txt": true, "/~user": true, "/~user/x.txt": true,

		"/vendor/composer/installed.json": false, "/vendor//Composer/INSTALLED.json": false, "/composer/installed.json/": false, "/composer/installed.json.bak": false,
		"/installed.json": true, "/vendor/installed.json": true, "/composer/x/installed.json": true, "/composer/other.json": true,
	} {
		if got := servablePath(path); got != want {
			t.Errorf("%s: servable %v, want %v", path, got, want)
		}
		if strings.Contains(path, "/~user") { // Caddy's own look for short names allocates
			continue
		}
		if n := testing.AllocsPerRun(10, func() { servablePath(path) }); n > 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

func FuzzServablePath(f *testing.F) {
	for _, seed := range []string{"/app.css", "/.well-known/x", "/a.php/b", "/a/../b", "//", "/a~1.txt", "/\xc0\xae"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !servablePath(path) {
			return
		}
		name, ok := strings.CutPrefix(caddyhttp.SanitizedPathJoin("root", path), "root")
		if !ok {
			t.Fatalf("%q leaves the root", path)
		}
		for i, element := range strings.Split(strings.Trim(name, "/"), "/") {
			dot := strings.HasPrefix(element, ".") && !(i == 0 && element == ".well-known")
			if dot || strings.HasSuffix(strings.ToLower(element), ".php") {
				t.Fatalf("%q serves %q", path, name)
			}
		}
	})
}

func BenchmarkStaticMatcher(b *testing.B) {
	m := StaticMatcher{Root: staticSite(b)}
	for name, target := range map[string]string{
		"dynamic":  "/users/5",
		"rejected": "/index.php",
		"file":     "/app.css",
		"link":     "/notes.txt",
		"front":    "/",
	} {
		b.Run(name, func(b *testing.B) {
			r := staticRequest(b, http.MethodGet, target, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.MatchWithError(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
