package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// raw asks for a path as it is written here, which net/http's client would clean, and returns the status, the
// Location and the body.
func raw(t *testing.T, url, path string) (int, string, string) {
	t.Helper()
	host := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.200s: %v", path, err)
	}
	return res.StatusCode, res.Header.Get("Location"), readAll(t, res)
}

func TestAFolderOfScriptsIsServedAsPHPFPMServedIt(t *testing.T) {
	t.Parallel()
	root := scripts(t, "a.php", "sub/b.php", "sub/index.php", "both/index.php", "both/index.html", "static/index.html", "style.css", "empty/",
		"../outside.php", "out.php -> ../outside.php", "in.php -> a.php", "uploads/evil.php", "uploads/pic.jpg", ".env", ".git/config", ".git/x.php", "composer.json",
		"UP.PHP", "a.php~", "a.php.bak", "lib.inc", "x.phtml", "artisan", "pic.jpg", "\\.php")
	if err := os.WriteFile(root+"/style.css", []byte("css"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, html := range []string{"both", "static"} {
		if err := os.WriteFile(root+"/"+html+"/index.html", []byte("html"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, url := site(t, classicSite(root, "workers 1", "deny_scripts /uploads"))
	for path, want := range map[string]string{
		"/a.php": "ran /a.php ", "/a.php/x/y?q=1": "ran /a.php /x/y", "/sub/b.php": "ran /sub/b.php ", "/sub/": "ran /sub/index.php ", "/sub": "308 ./sub/", "/sub?q=1&r": "308 ./sub/?q=1&r",
		"/both/": "ran /both/index.php ", "/both": "308 ./both/", "/static/": "html", "/static": "308 /static/", "/style.css": "css", "/in.php": "ran /in.php ",
		"/": "front / /index.php ", "/some/page?a=b": "front /some/page?a=b /index.php ", "/empty/": "front /empty/ /index.php ", "/index.php/i": "front /index.php/i /index.php /i",
		"//a.php": "ran /a.php ", "/sub/../a.php": "ran /a.php ", "/%61.php": "ran /a.php ", "/a.php%2fx": "ran /a.php /x", "/sub/%2e%2e/a.php": "ran /a.php ",
		"/a.php/%0d%0aX:y": "ran /a.php /\r\nX:y", "/gone.php": "front /gone.php /index.php ", "/../../../a.php": "ran /a.php ",
		"/%2Fexample.com%2F..%2Fsub": "308 ./%2Fexample.com%2F..%2Fsub/",

		"/out.php": "404", "/uploads/evil.php": "403", "/UPLOADS/evil.php": "404 or 403", "/uploads/evil.php/x": "403", "/uploads/gone.php": "403", "/uploads//evil.php": "403", "/sub/../uploads/evil.php": "403",
		"/pic.jpg/x.php": "404", "/uploads/pic.jpg/x.php": "403", "/a.php%00": "400", "/pic.jpg%00.php": "400",
		"/.env": "404", "/.git/config": "404", "/.git/x.php": "404", "/composer.json": "404", "/UP.PHP": "404", "/up.php": "front /up.php /index.php ", "/a.php~": "404", "/a.php.bak": "404",
		"/lib.inc": "404", "/x.phtml": "404", "/artisan": "404", "/%5c.php": "404", "/..%5c..%5coutside.php": "front /..%5c..%5coutside.php /index.php ",
	} {
		status, location, body := raw(t, url, path)
		got := body
		switch {
		case status == http.StatusPermanentRedirect:
			got = "308 " + location
		case status != http.StatusOK:
			got = fmt.Sprint(status)
		}
		if got != want && !(want == "404 or 403" && status != 200) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		if strings.Contains(body, "secret") || strings.Contains(body, "<?php") {
			t.Errorf("%s shows a source: %q", path, body)
		}
	}
	for method, want := range map[string]int{"POST": 404, "DELETE": 404} {
		if status, _ := do(t, request(t, method, url+"/style.css", nil)); status != want {
			t.Errorf("%s of a file: %d", method, status)
		}
	}
	if res := send(t, request(t, "POST", url+"/sub", strings.NewReader("a body"))); res.StatusCode != 308 {
		t.Errorf("a POST to a folder without its slash: %d", res.StatusCode)
	}
	if status, body := get(t, url+"/"+strings.Repeat("a/", 10_000)+"x.php"); status != 200 || !strings.HasPrefix(body, "front /a/a/") {
		t.Errorf("a very long path: %d, %.100q", status, body)
	}
}

func TestEachOptionAboutScriptsIsHeard(t *testing.T) {
	t.Parallel()
	root := scripts(t, "app.php", "home.php", "sub/home.php", "page.phtml", "only/x.php", "both/index.html", "both/home.php")
	if err := os.WriteFile(root+"/page.phtml", []byte("<?php echo 'phtml';"), 0o644); err != nil {
		t.Fatal(err)
	}
	port := freePorts(t, 6)
	start(t, on(port[0], classicSite(root, "index home.php"))+
		on(port[1], classicSite(root, "index off"))+
		on(port[2], classicSite(root, "try_files {path} {path}.php app.php"))+
		on(port[3], classicSite(root, "try_files {path} =410"))+
		on(port[4], classicSite(root, "name phtml", "split .phtml", "index page.phtml"))+
		on(port[5], "php_worker {\nroot "+root+"/sub\nindex home.php\nstatic off\n}"))
	for i, want := range []map[string]string{
		{"/": "ran /home.php ", "/sub/": "ran /sub/home.php ", "/x": "ran /home.php ", "/both/": "ran /both/home.php "},
		{"/": "404", "/sub/": "404", "/app.php/i": "ran /app.php /i", "/x": "404"},
		{"/home": "ran /home.php ", "/x": "ran /app.php ", "/": "ran /app.php ", "/sub/home": "ran /sub/home.php "},
		{"/": "410", "/app.php": "ran /app.php ", "/gone.php": "410"},
		{"/": "phtml", "/app.php": "404"},
		{"/": "ran /home.php ", "/x": "ran /home.php "},
	} {
		for path, want := range want {
			status, body := get(t, base(port[i])+path)
			if got := body; got != want && fmt.Sprint(status) != want {
				t.Errorf("site %d, %s: %d, %q, want %q", i, path, status, body, want)
			}
		}
	}
}

func TestASiteWithoutARootSaysSo(t *testing.T) {
	t.Parallel()
	scripts(t)
	s, url := site(t, "php_worker\n")
	if status, _ := get(t, url+"/index.php"); status != http.StatusInternalServerError {
		t.Errorf("status %d", status)
	}
	s.waitLog("the site needs the directive root")
}

func TestAReleaseThatALinkNamesIsServedFromTheNextRequestOn(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	dir := filepath.Dir(root)
	for _, release := range []string{"1", "2"} {
		public := filepath.Join(dir, "releases", release, "public")
		if err := os.MkdirAll(public, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(public+"/index.php", []byte("<?php echo 'release "+release+" in ', $_SERVER['DOCUMENT_ROOT'];"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(dir, "current")
	link := func(release string) {
		if err := os.Symlink("releases/"+release, current+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(current+".new", current); err != nil {
			t.Fatal(err)
		}
	}
	link("1")
	_, url := site(t, classicSite(current+"/public", "workers 1"))
	for _, release := range []string{"1", "2", "1", "2"} {
		link(release)
		want := "release " + release + " in " + filepath.Join(dir, "releases", release, "public")
		if status, body := get(t, url+"/"); status != 200 || body != want {
			t.Errorf("%d, %q, want %q", status, body, want)
		}
	}
}
