package integration

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project is an application as it lies on a disk, with everything that must never
// leave it. The content of each such file is the word "secret".
func project(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{
		"public/index.html": "home", "public/app.css": "0123456789", "public/docs/index.html": "docs", "public/ü b.txt": "odd",
		"public/.well-known/acme": "challenge", "public/app.css.gz": "packed", "public/index.php": "<?php secret", "public/robots.txt": "robots",
		"public/storage/.htaccess": "secret", "public/.user.ini": "secret", "public/a.php.bak/x.php": "secret",
		".env": "secret", ".env.local": "secret", ".git/config": "secret", ".git/HEAD": "secret", ".gitignore": "secret", ".htpasswd": "secret",
		"composer.json": "secret", "composer.lock": "secret", "package.json": "secret", "worker.php": "<?php secret", "artisan.PHP": "secret",
		"src/Kernel.php": "<?php secret", "config/services.inc": "secret", "vendor/autoload.php": "<?php secret", "vendor/x/y.phtml": "secret",
		"vendor/composer/installed.phar": "secret", "vendor/.bin/tool": "secret", "src/page.phps": "secret", "vendor/a/composer.json": "secret",
		"index.php/info.txt": "secret", "auth.json": "secret", "package-lock.json": "secret", "vendor/composer/installed.json": "secret",
		"artisan": "#!/usr/bin/env php\n<?php secret", "bin/console": "#!/usr/bin/env php\nsecret", "index.php7": "secret", "index.php.1": "secret", "index.php,v": "secret",
		"index.php.rej": "secret", "#index.php#": "secret", "page.module": "\n<?php secret", "key": "-----BEGIN PRIVATE KEY-----\nsecret", "public/view.css": "<?= secret",
		"public/old/index.html": "<?php secret",
		"index.php~":            "secret", "public/index.php~": "secret", "worker.php.bak": "<?php secret", "var/media/index.html": "docs",
	} {
		writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), content)
	}
	for link, target := range map[string]string{"public/conf.txt": "../.env", "public/code.txt": "../worker.php", "public/git": "../.git", "public/m.txt": "../composer.json",
		"public/head.txt": "../.git/HEAD", "public/media": "../var/media"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// attacks are targets behind which, or near which, a file lies that must not leave,
// each with what comes instead:
//
//	php       the worker answers, with 200
//	bad       400, from the server or from us, and no worker sees it
//	home      public/index.html
//	docs      an index.html further down
//	redirect  308, to the folder's name with a slash
//
// A target without a word is php. One word holds for both roots; of two the first is
// for the root public/, the second for the whole project as the root by mistake.
var attacks = []string{
	// What is public, so that the words are known to tell a difference.
	"/ home php", "/docs redirect php", "/docs/ docs php", "/public php redirect", "/public/ php home", "/public/docs/ php docs",
	"/media redirect php", "/media/ docs php", "/public/media/ php docs", "/nothing",
	// By their names.
	"/.env", "/.env.local", "/.git/config", "/.git/HEAD", "/.gitignore", "/.htpasswd", "/composer.json", "/composer.lock", "/package.json",
	"/auth.json", "/package-lock.json", "/vendor/composer/installed.json", "/index.php~", "/public/index.php~", "/worker.php.bak", "/worker.php~",
	"/artisan", "/bin/console", "/index.php7", "/index.php.1", "/index.php,v", "/index.php.rej", "/%23index.php%23", "/page.module", "/key", "/view.css", "/public/view.css",
	"/artisan/", "/artisan?x.css", "/%61rtisan", "//bin//console", "/old", "/old/", "/old/index.html", "/public/old/",
	"/worker.php", "/artisan.PHP", "/src/Kernel.php", "/config/services.inc", "/vendor/autoload.php", "/vendor/x/y.phtml",
	"/vendor/composer/installed.phar", "/vendor/.bin/tool", "/src/page.phps", "/vendor/a/composer.json", "/index.php/info.txt",
	"/public/.user.ini", "/public/storage/.htaccess", "/public/index.php", "/public/a.php.bak/x.php", "/.user.ini", "/storage/.htaccess", "/index.php",
	// Upwards.
	"/../.env", "/../../etc/passwd", "/%2e%2e/.env", "/%2e%2e%2f.env", "/..%2f.env", "/docs/../../.env", "/docs/..%2f..%2f.env", "/docs/%2e%2e/%2e%2e/.env",
	"/.%2e/.env", "/%2e./.env", "/....//.env", "/..;/.env", "/docs/..;/..;/.env", "/%252e%252e/.env", "/%c0%ae%c0%ae/.env", "/%c0%2e%c0%2e/.env", "/%ef%bc%8e%ef%bc%8e/.env",
	"/..%5c.env", "/..\\.env", "/%5c..%5c.env", "/docs\\..\\..\\.env", "/.well-known/../.env", "/.well-known/../../.env", "/.well-known/%2e%2e/.env", "//..//.env",
	// Other ways to write a name. A NUL is in no URL that PHP's parse_url takes.
	"/%2eenv", "/%2Eenv", "/.%65nv", "/%2egit/config", "/.git%2fconfig", "/./.env", "/.//.env", "//.env", "///.env", "/.env/", "/.env/.",
	"/.env%00 bad", "/.env%00.css bad", "/app.css%00.php bad", "/.env%0 bad", "/%zz/.env bad",
	"/.ENV", "/.Git/config", "/COMPOSER.JSON", "/Composer.Json", "/compoſer.json", "/worker.PHP", "/worker.pHp", "/worker%2ephp", "/worker.%70hp", "/wor\u212Aer.php",
	"/worker.php/", "/worker.php/x", "/worker.php?x.css", "/worker.php%3fx.css", "/worker.php%23.css", "/worker.php;.css", "/worker.php%20", "/worker.php.", "/worker.php..", "/worker.php%0a", "/worker.php%09",
	// Names of Windows.
	"/worker.php::$DATA", "/worker.php%3a%3a$DATA", "/.env::$DATA", "/WORKER~1.PHP", "/COMPOS~1.JSO", "/GIT~1/config", "/ENV~1", "/.env%20", "/.env.", "/.git./config", "/.git%20/config", "/.git::$INDEX_ALLOCATION/config",
	"/C:/Windows/win.ini", "/\\\\host\\share\\x", "/con", "/aux.txt", "/%5c%5chost%5cshare", "/docs%5c..%5c..%5c.env",
	// Unicode.
	"/%ef%bc%8eenv", "/%e2%80%a4env", "/.env%cc%81", "/.e%cd%8fnv", "/%e2%80%8b.env", "/%ef%bb%bf.env", "/.en%ef%bd%96", "/worker.%ef%bd%90hp", "/%ff.env", "/.env%ff", "/%c3%28/.env",
	// Links.
	"/conf.txt", "/code.txt", "/m.txt", "/head.txt", "/git", "/git/", "/git/config", "/public/conf.txt", "/public/code.txt", "/public/m.txt",
	"/public/head.txt", "/public/git", "/public/git/config",
	// Targets that are no plain path. A query is no way up, # is part of the path, and PHP
	// sees * as /, but no file does.
	"http://x/.env", "http://x/../.env", "*", "/?/../.env home php", "/#/../.env", "/docs/?file=../.env docs php",
}

// answered puts an answer into the words of attacks. Of HEAD it knows home and docs
// as a page only.
func answered(method string, res *http.Response, body string) string {
	kind := res.Header.Get("Content-Type")
	switch {
	case res.StatusCode == 400:
		return "bad"
	case res.StatusCode == 308:
		return "redirect"
	case res.StatusCode == 200 && kind == "application/json" && (method == "HEAD" && body == "" || strings.HasPrefix(body, `{"method":"`+method)):
		return "php"
	case res.StatusCode == 206 && strings.HasPrefix(kind, "text/html") && method == "HEAD" && body == "":
		return "page"
	case res.StatusCode == 206 && method == "GET" && (body == "home" || body == "docs"):
		return body
	}
	return fmt.Sprintf("%d %q", res.StatusCode, body)
}

func TestNoSecretEverLeaves(t *testing.T) {
	t.Parallel()
	dir := project(t)
	for i, root := range []string{filepath.Join(dir, "public"), dir} {
		port := freePorts(t, 1)[0]
		start(t, fmt.Sprintf("http://:%d {\nbind 127.0.0.1\nroot %q\n%s}\n", port, root, loop.directive("workers 1")))
		url := fmt.Sprintf("http://127.0.0.1:%d", port)
		pid, _ := worker(t, url)
		for _, row := range attacks {
			target, words, _ := strings.Cut(row, " ")
			expected := cmp.Or(words, "php")
			if public, project, ok := strings.Cut(words, " "); ok {
				expected = []string{public, project}[i]
			}
			for _, method := range []string{"GET", "HEAD", "POST"} {
				d := dialSite(t, url)
				fmt.Fprintf(d, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nRange: bytes=0-100\r\nAccept-Encoding: gzip\r\n\r\n", method, target)
				res, body := d.response(method)
				want := expected
				switch page := want == "home" || want == "docs"; {
				case page && method == "HEAD":
					want = "page"
				case method == "POST" && want != "bad":
					want = "php"
				}
				got := answered(method, res, body)
				if got != want {
					t.Errorf("root is %s: %s %s: %s, want %s", root, method, target, got, want)
				}
				if got != "php" && strings.Contains(strings.ToLower(strings.ReplaceAll(body, target, "")), "secret") {
					t.Errorf("root is %s: %s %s gave a secret away", root, method, target)
				}
			}
		}
		if now, _ := worker(t, url); now != pid {
			t.Errorf("root is %s: a worker has ended", root)
		}
	}
}

func TestStaticFilesAreSentAsAFileServerSendsThem(t *testing.T) {
	t.Parallel()
	_, url := site(t, fmt.Sprintf("root %q\n", filepath.Join(project(t), "public"))+loop.directive("workers 1"))
	host := strings.TrimPrefix(url, "http://")
	for _, c := range []struct {
		target, header string
		status         int
		body           string
	}{
		{"/app.css", "", 200, "0123456789"},
		{"/app.css?v=1", "", 200, "0123456789"},
		{"/app.css", "Range: bytes=2-4", 206, "234"},
		{"/app.css", "Range: bytes=-2", 206, "89"},
		{"/app.css", "Range: bytes=50-", 416, ""},
		{"/app.css", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", 304, ""},
		{"/app.css", "Accept-Encoding: gzip", 200, "0123456789"}, // precompressed files are the file server's own option
		{"/app.css.gz", "", 200, "packed"},
		{"/%61pp.css", "", 200, "0123456789"},
		{"//app.css", "", 200, "0123456789"},
		{"/%C3%BC%20b.txt", "", 200, "odd"},
		{"/", "", 200, "home"},
		{"/docs/", "", 200, "docs"},
		{"/docs", "", 308, ""},
		{"/docs/index.html", "", 200, "docs"},
		{"/.well-known/acme", "", 200, "challenge"},
	} {
		header := c.header
		if header != "" {
			header += "\r\n"
		}
		status, body := rawly(t, url, "GET "+c.target+" HTTP/1.1\r\nHost: "+host+"\r\n"+header+"\r\n")
		if c.status == 416 || c.status == 308 {
			body = ""
		}
		if c.target == "/docs/index.html" && status == 308 { // the file server prefers the folder's name
			continue
		}
		if status != c.status || body != c.body {
			t.Errorf("%s %s: status %d, %q, want %d, %q", c.target, c.header, status, body, c.status, c.body)
		}
	}
}

// TestPrecompressedFilesAreServedByAFileServerOfTheUser that stands before the
// directive.
func TestPrecompressedFilesAreServedByAFileServerOfTheUser(t *testing.T) {
	t.Parallel()
	_, url := site(t, fmt.Sprintf(`root %q
@packed path *.css *.js
handle @packed {
	file_server {
		precompressed gzip
	}
}
handle {
	%s
}
`, filepath.Join(project(t), "public"), loop.directive("workers 1")))
	host := strings.TrimPrefix(url, "http://")
	for target, want := range map[string]string{"/app.css": "packed", "/index.php": `{"method":"GET"`} {
		status, body := rawly(t, url, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nAccept-Encoding: gzip\r\n\r\n")
		if status != 200 || !strings.HasPrefix(body, want) {
			t.Errorf("%s: status %d, %q", target, status, body)
		}
	}
}

func TestARootThatDoesNotExistIsWarnedOfAndMayComeLater(t *testing.T) {
	t.Parallel()
	for name, site := range map[string]string{
		"in the block": "php_worker worker.php {\nname app\nworkers 1\nroot pblic\n}",
		"of the site":  "root pblic\nphp_worker worker.php {\nname app\nworkers 1\n}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			s := start(t, on(port, site), withFile("worker.php", fmt.Sprintf("<?php\nrequire '%s';\n", absolute(t, "testdata/life/worker.php"))))
			if status, _ := get(t, base(port)+"/hello.txt"); status == http.StatusOK {
				t.Errorf("status %d", status)
			}
			record := s.waitLog("root is no folder that exists")
			if root := record["root"]; root != filepath.Join(s.dir, "pblic") || record["level"] != "warn" {
				t.Errorf("the log says %v", record)
			}
			s.write("pblic/hello.txt", "hello")
			if status, body := get(t, base(port)+"/hello.txt"); status != http.StatusOK || body != "hello" {
				t.Errorf("then: status %d, %q", status, body)
			}
			if n := len(s.logs.records("root is no folder that exists")); n != 1 {
				t.Errorf("it is warned of %d times", n)
			}
		})
	}
}
