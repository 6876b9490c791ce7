package static

import (
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
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

// served asks as a file server does, which joins the root and the decoded path.
func served(t testing.TB, root, target string) bool {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatalf("net/http would refuse %q itself: %v", target, err)
	}
	return AllowedPath(u.Path) && Servable(root, join(root, u.Path), u.Path)
}

func join(root, urlPath string) string {
	name := filepath.Join(root, path.Clean("/"+urlPath))
	if strings.HasSuffix(urlPath, "/") && len(urlPath) > 1 {
		name += string(filepath.Separator)
	}
	return name
}

func TestOnlyServableFilesAreServed(t *testing.T) {
	root := staticSite(t)
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
		"/a.txt.":     false,
		"/a.txt%20":   false,
		"/a%7Fb.txt":  false,
		"/a%09b.txt":  false,
		"/C:/app.css": false,
	} {
		if got := served(t, root, target); got != want {
			t.Errorf("%s: served %v, want %v", target, got, want)
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
		if served(t, root, target) {
			t.Errorf("%s, a socket, is served", target)
		}
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
		"/index.php.1": false, "/index.php,v": false, "/index.php.rej": false, "/#index.php#": false, "/index.php7": false, "/index.php81": false, "/a.phpt": false,
		"/index.php_old": false, "/index.php-2024": false, "/index.php (copy)": false, "/index.php.gz": false, "/index.php.1/x": false, "/a.inc.php.2": false,
		"/a.PHTML,V": false, "/a.phpS.1": false, "/a.inc.1": false, "/composer.json.1": false, "/composer.json,v": false, "/#auth.json#": false, "/pac\u212aage.json.1": false,
		"/yarn.lock.rej": false, "/composer/installed.json.1": false, "/index.php\u0301": false,
		"/a.php.html": true, "/a.phpunit.XML": true, "/jquery.inc.js": true, "/lib.include.1": true, "/a.php.png": true, "/notes,v": true, "/#notes#": true, "/1.2": true,
		"/graphp/x": true, "/composer.jsonx": true, "/a.ph": true, "/a.p.hp": true, "/inc.1": true,

		"/index.php.txt": true, "/~user": true, "/~user/x.txt": true,

		"/vendor/composer/installed.json": false, "/vendor//Composer/INSTALLED.json": false, "/composer/installed.json/": false, "/composer/installed.json.bak": false,
		"/installed.json": true, "/vendor/installed.json": true, "/composer/x/installed.json": true, "/composer/other.json": true,
	} {
		if got := AllowedPath(path); got != want {
			t.Errorf("%s: servable %v, want %v", path, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { AllowedPath(path) }); n > 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

func FuzzAllowedPath(f *testing.F) {
	for _, seed := range []string{"/app.css", "/.well-known/x", "/a.php/b", "/a/../b", "//", "/a~1.txt", "/\xc0\xae"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !AllowedPath(path) {
			return
		}
		name, ok := strings.CutPrefix(join("root", path), "root")
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
