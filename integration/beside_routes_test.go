package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// routeScript is a script that says how it came to be run.
const routeScript = `<?php echo substr(__FILE__, strlen($_SERVER['DOCUMENT_ROOT'])), ' | ', $_SERVER['SCRIPT_NAME'], ' | ', $_SERVER['PATH_INFO'] ?? 'none', ' | ', $_SERVER['PHP_SELF'], ' | ', $_SERVER['REQUEST_URI'], ' | ', $_SERVER['DOCUMENT_URI'], ' | ', $_SERVER['QUERY_STRING'];`

// secret is PHP that must neither be run nor served.
const secret = `<?php echo 'this was', ' executed'; // and this was served`

// routesRoot is a folder with everything that leads a router astray.
func routesRoot(t *testing.T, front bool) string {
	t.Helper()
	folder := t.TempDir()
	root := filepath.Join(folder, "site")
	put(t, root, map[string]string{
		"script.php": routeScript, "dir/index.php": routeScript, "both/index.php": routeScript, "both/index.html": "<p>both</p>", "html/index.html": "<p>html</p>",
		"plain/file.txt": "text", "pict.jpg": "GIF89a<?php echo 'executed';", "style.css": "css", "noext": "no extension", "dir/sp ace.php": routeScript, "dir.php/inner.php": routeScript,
		"dir.php/file.txt": "text", "deep/a.php/b.php": routeScript, "ü/index.php": routeScript, "a.php.txt": "text", "dot./index.php": routeScript, "index.php5": "not for PHP",
		"Upper.PHP": secret, "Mixed.Php": secret, "old.php~": "a copy", "old.php.bak": "a copy", "lib.inc": secret, "page.phtml": secret, "tool.phar": secret, "view.phps": secret,
		".env": secret, ".hidden.php": secret, ".git/config": secret, ".well-known/acme": "challenge", ".well-known/run.php": routeScript, "sub/.htaccess": secret, "composer.json": secret,
		"with%20percent.php": routeScript, "with+plus.php": routeScript, "semi;colon.php": routeScript, "q?mark.php": routeScript, "empty.php": "", "dir/../loop.php": routeScript,
	})
	put(t, folder, map[string]string{"outside/out.php": secret, "outside/out.txt": "outside text", "outside.php": secret})
	if front {
		put(t, root, map[string]string{"index.php": routeScript})
	}
	for link, to := range map[string]string{"inside-link.php": "script.php", "outside-link.php": "../outside.php", "outside-dir": "../outside", "inside-dir": "dir", "dangling.php": "nowhere.php"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// routes are paths to ask for.
var routes = []string{
	"/", "/?a=b", "/index.php", "/index.php/", "/index.php/x", "/index.php?a=b", "/index.html", "//", "//script.php", "/./script.php", "/dir/../script.php", "/dir/./index.php",
	"/script.php", "/script.php?x", "/script.php/", "/script.php/info", "/script.php/info.php", "/script.php/a/../b", "/script.php/%2e%2e/x", "/script.php//x", "/script.php%20", "/script.php%00", "/script.php%00.jpg",
	"/script.php.", "/script.php/.", "/script.phpx", "/script.ph", "/SCRIPT.PHP", "/script.PHP", "/script.Php/x", "/scrip%74.php", "/script%2Ephp", "/script.php%2Fx", "/script.php;x", "/script.php:x", "/script.php\\x", "/script.php%5Cx",
	"/dir", "/dir?a=b", "/dir/", "/dir/?a=b", "/dir/index.php", "/dir/index.php/x", "/dir/missing", "/dir/missing/", "/dir/sp%20ace.php", "/dir/sp ace.php", "/dir//", "/dir//index.php", "/dir%2F", "/dir%2Findex.php",
	"/both", "/both/", "/html", "/html/", "/plain", "/plain/", "/plain/file.txt", "/plain/file.txt/", "/plain/file.txt/x", "/plain/missing.php",
	"/pict.jpg", "/pict.jpg/x.php", "/pict.jpg/.php", "/pict.jpg%00.php", "/pict.jpg/script.php", "/style.css", "/style.css/x.php", "/style.css?x.php", "/noext", "/noext/x.php", "/noext/",
	"/dir.php", "/dir.php/", "/dir.php/inner.php", "/dir.php/inner.php/x", "/dir.php/file.txt", "/dir.php/missing", "/deep/a.php/b.php", "/deep/a.php/b.php/x", "/deep/a.php", "/deep/a.php/",
	"/%C3%BC/", "/%C3%BC", "/%c3%bc/index.php/x", "/a.php.txt", "/dot./", "/index.php5", "/Upper.PHP", "/upper.php", "/Mixed.Php", "/Mixed.Php/x", "/old.php~", "/old.php.bak", "/lib.inc", "/page.phtml", "/tool.phar", "/view.phps",
	"/.env", "/.hidden.php", "/.git/config", "/.git/", "/.well-known/acme", "/.well-known/run.php", "/sub/.htaccess", "/%2eenv", "/.missing", "/composer.json", "/x/.y/z",
	"/with%2520percent.php", "/with%20percent.php", "/with+plus.php", "/with%2Bplus.php", "/semi;colon.php", "/semi%3Bcolon.php", "/q%3Fmark.php", "/q?mark.php", "/empty.php", "/loop.php",
	"/inside-link.php", "/inside-dir/", "/inside-dir", "/outside-link.php", "/outside-dir/out.php", "/outside-dir/out.txt", "/outside-dir/", "/dangling.php", "/dangling.php/x",
	"/missing", "/missing.php", "/missing.php/x", "/missing/index.php", "/missing/x.php/y", "/missing.html", "/missing/", "/missing.jpg", "/a/b/c/d/e", "/../script.php", "/../outside.php", "/..%2foutside.php", "/%2e%2e/outside.php", "/dir/..%2f..%2foutside.php",
	"/" + strings.Repeat("x", 300), "/" + strings.Repeat("x", 300) + ".php", "/" + strings.Repeat("d/", 1500) + "x.php",
}

// TestClassicRoutesAsNginxDoes asks for every path of the table, with a front controller and
// without one, and compares who answers: which script, which file, which redirect, nobody.
func TestClassicRoutesAsNginxDoes(t *testing.T) {
	t.Parallel()
	for _, front := range []bool{true, false} {
		name := "without a front controller"
		if front {
			name = "with a front controller"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pairing{root: routesRoot(t, front)}.start(t)
			e := excusing(t, routeExcuses(front)...)
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
				for _, path := range routes {
					raw := rawRequest{"route", method, path, "HTTP/1.1", []string{"Host: {host}", "Connection: close", "Content-Length: 0"}, ""}.raw()
					theirs, ours := p.theirs.ask(raw), p.ours.ask(raw)
					for _, never := range []string{"this was executed", "and this was served"} {
						if strings.Contains(ours.body, never) {
							t.Errorf("%s %.200s: %s", method, path, never)
						}
					}
					if d := route(theirs) + " | " + route(ours); route(theirs) != route(ours) && !e.cover(method+" "+path, d) {
						t.Errorf("%s %.200s: nginx | php_worker: %s", method, path, d)
					}
				}
			}
		})
	}
}

// route is who answered what.
func route(a heard) string {
	who := "server"
	if a.byPHP() {
		who = "PHP"
	}
	switch {
	case a.err != nil:
		return "error " + a.err.Error()
	case a.status == http.StatusOK:
		return fmt.Sprintf("200 %s %.300q", who, a.body)
	case a.status/100 == 3:
		return fmt.Sprintf("%d %s to %s", a.status, who, portOf.ReplaceAllString(a.header.Get("Location"), "$1"))
	}
	return fmt.Sprintf("%d %s", a.status, who)
}

// routeExcuses are the routes that differ, for a reason.
func routeExcuses(front bool) []excuse {
	// otherwise is who answers what is nobody's: the front controller, or nobody.
	otherwise := `404 server`
	if front {
		otherwise = `200 PHP "(/index.php |")`
	}
	const executed = `200 PHP "(this was executed)?" \| 404 server`
	all := []excuse{
		{`\w+ /(dir|both|inside-dir|%C3%BC)\b`, `301 server to http://www.example/.* \| 308 server to \./`, "the slash behind a folder is added with 308, so that a POST stays one, and relative to the path"},
		{`(GET|HEAD) /html`, `301 server .* \| 308 server to /html/`, "the slash behind a folder of files is added by file_server"},
		{`\w+ /(plain|html|outside-dir)/?$`, `(301 server .*|403 server|405 server) \| ` + otherwise, "a folder without an index script is no place of its own, and POST asks for no file"},
		{`\w+ /(dir.php/inner|deep/a.php/b).php`, `404 server \| 200 PHP "(/dir.php/inner|/deep/a.php/b|")`, "a folder's name may end in .php"},
		{`\w+ /(dot./$|.hidden.php)`, `200 PHP .* \| 404 server`, "scripts in what is hidden, or has a name that means another one elsewhere, are not executed"},
		{`\w+ /outside-(link.php|dir/out.php)`, executed, "a script outside root is not executed, whatever links to it"},
		{`(GET|HEAD) /(index.php5|Upper.PHP|Mixed.Php|old.php(~|.bak)|lib.inc|page.phtml|tool.phar|view.phps|composer.json)$`, `200 server .* \| 404 server`, "code is not served, nor copies of it"},
		{`\w+ /(\.env|\.git/config|sub/\.htaccess|%2eenv)`, `403 server \| 404 server`, "what is hidden is not there"},
		{`\w+ /(\.git/$|\.missing|x/\.y/z)`, `403 server \| ` + otherwise, "a dot at the beginning of a name hides what is there, and nothing else"},
		{`POST /`, `405 server \| 404 server`, "nothing but GET and HEAD asks for a file"},
		{`\w+ (/\.\.|/%2e|/dir/\.\.%2f)`, `400 server \| (200 PHP "(/script.php |")|` + otherwise + `)`, "a path that leads above root begins at root, as in browsers"},
	}
	if front {
		return append(all, excuse{`\w+ /`, `404 server \| ` + otherwise, "what is not there is the front controller's, a path that names a script included: so it is with php_fastcgi"})
	}
	return append(all, excuse{`\w+ //?(\?a=b)?$`, `403 server \| 404 server`, "a root without an index is no place either"})
}
