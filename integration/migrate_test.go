package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// scriptsOfSites are where say.php stands in the sites of testdata/migrate, and files what else does.
var (
	scriptsOfSites = []string{
		"blog/index.php", "blog/wp-login.php", "blog/uploads/evil.php", "blog/files/a/evil.php", "blog/sub/index.php", "blog/xmlrpc.php", "blog/.hidden/x.php",
		"shop/public/index.php", "shop/public/other.php", "folder/index.php", "folder/a.php", "folder/sub/index.php", "folder/private/a.php", "folder/here/a.php",
		"folder/front.php", "wiki/w/index.php", "wiki/w/api.php", "wiki/w/install.php",
	}
	filesOfSites = map[string]string{
		"blog/static/style.css": "body {}", "blog/uploads/photo.png": "PNG", "blog/403.html": "<h1>no</h1>", "blog/.git/config": "secret", "blog/.well-known/x.txt": "well known", "blog/about/index.html": "about",
		"shop/public/app.css": "shop", "folder/a.txt": "text", "folder/private/secret.txt": "secret", "folder/here/a.txt": "here", "wiki/w/images/a.png": "PNG",
	}
)

// requestsToSites are the requests that both servers get: host, method, path; "form" and "file" are POST requests.
var requestsToSites = [][3]string{
	{"blog.test", "GET", "/"}, {"blog.test", "GET", "/?a=1&b[]=2"}, {"blog.test", "GET", "/2026/11/a-post/?x=y"}, {"blog.test", "GET", "/index.php"}, {"blog.test", "HEAD", "/index.php?a"}, {"blog.test", "GET", "/wp-login.php?a=%20b+c"},
	{"blog.test", "form", "/wp-login.php"}, {"blog.test", "file", "/wp-login.php?up=1"}, {"blog.test", "form", "/2026/pretty"}, {"blog.test", "PUT", "/wp-login.php"}, {"blog.test", "GET", "/sub/"}, {"blog.test", "GET", "/sub/?a=1"}, {"blog.test", "GET", "/about/"},
	{"blog.test", "GET", "/uploads/evil.php"}, {"blog.test", "GET", "/files/a/evil.php"}, {"blog.test", "GET", "/uploads/none.php"}, {"blog.test", "GET", "/uploads/photo.png"}, {"blog.test", "GET", "/static/style.css"}, {"blog.test", "GET", "/static/none.css"},
	{"blog.test", "GET", "/.git/config"}, {"blog.test", "GET", "/.hidden/x.php"}, {"blog.test", "GET", "/.env"}, {"blog.test", "GET", "/.well-known/x.txt"}, {"blog.test", "GET", "/xmlrpc.php"}, {"blog.test", "GET", "/favicon.ico"}, {"blog.test", "GET", "/old/42"}, {"blog.test", "GET", "/old/x"},
	{"blog.test", "GET", "/%66oo?%66=%67"}, {"blog.test", "GET", "/a%20b/%C3%A4"}, {"blog.test", "GET", "//double//slash"}, {"blog.test", "GET", "//xmlrpc.php"}, {"blog.test", "GET", "/./xmlrpc.php"}, {"blog.test", "GET", "/a/../xmlrpc.php"}, {"blog.test", "GET", "/%78mlrpc%2Ephp"}, {"blog.test", "GET", "//.git//config"}, {"blog.test", "GET", "/uploads//./evil.php"}, {"blog.test", "GET", "/wp-login.php/x?a=1"}, {"blog.test", "GET", "/xmlrpc.php/x"}, {"blog.test", "GET", "/uploads/evil.php/x"}, {"blog.test", "GET", "/index.php/2026/post"},
	{"shop.test", "GET", "/"}, {"shop.test", "GET", "/cart?id=3"}, {"shop.test", "form", "/cart"}, {"shop.test", "GET", "/app.css"}, {"shop.test", "GET", "/other.php"}, {"shop.test", "GET", "/none.php"}, {"shop.test", "GET", "/index.php"}, {"shop.test", "GET", "/index.php/x"}, {"shop.test", "DELETE", "/cart/1"},
	{"folder.test", "GET", "/"}, {"folder.test", "GET", "/a.php"}, {"folder.test", "GET", "/a.php/path/info?q=1"}, {"folder.test", "GET", "/none.php"}, {"folder.test", "GET", "/none"}, {"folder.test", "GET", "/a.txt"}, {"folder.test", "GET", "/sub/"}, {"folder.test", "GET", "/health"}, {"folder.test", "GET", "/private/secret.txt"},
	{"folder.test", "GET", "/private/none"}, {"folder.test", "GET", "/here/a.txt"}, {"folder.test", "GET", "/here/a.php"}, {"folder.test", "form", "/a.php?x=1"}, {"folder.test", "OPTIONS", "/a.php"}, {"folder.test", "GET", "/a.txt/x.php"},
	{"wiki.test", "GET", "/"}, {"wiki.test", "GET", "/wiki/Main_Page"}, {"wiki.test", "GET", "/wiki/A/B?action=edit"}, {"wiki.test", "GET", "/w/index.php?title=X"}, {"wiki.test", "GET", "/w/api.php"}, {"wiki.test", "form", "/w/api.php"}, {"wiki.test", "GET", "/w/install.php"}, {"wiki.test", "GET", "/w//install.php"}, {"wiki.test", "GET", "/w/%69nstall.php"}, {"wiki.test", "GET", "/w/images/a.png"}, {"wiki.test", "GET", "/w/images/none.png"}, {"wiki.test", "GET", "/else"},
	{"www.old.test", "GET", "/a?b=c"}, {"old.test", "GET", "/assets/style.css"}, {"old.test", "GET", "/assets/none"}, {"old.test", "GET", "/q/x?a=1"}, {"old.test", "GET", "/gone"}, {"old.test", "GET", "/gone/x"}, {"old.test", "GET", "/moved/a?x=1"}, {"old.test", "GET", "/a.php?a=1"}, {"old.test", "GET", "/a.txt"}, {"old.test", "GET", "/none"}, {"old.test", "GET", "/a.php/x"},
	{"old.test", "HEAD", "/list/"}, {"old.test", "HEAD", "/list/style.css"}, {"old.test", "HEAD", "/list/none/"},
	{"query.test", "GET", "/"}, {"query.test", "GET", "/?a=1"}, {"query.test", "GET", "/sub/"}, {"query.test", "GET", "/page?a=1"}, {"query.test", "GET", "/old/1"}, {"query.test", "GET", "/a.txt"},
}

// knownToDiffer are the answers that docs/classic.md and docs/migrating.md say differ: the status of nginx and ours.
var knownToDiffer = map[string][2]int{
	"folder.test GET /private/a.php": {200, 403},
}

// fromServer is what is compared of an answer.
type fromServer struct {
	status int
	body   string // of a good answer: error pages have words of each server
	header map[string]string
}

// askAll sends the requests to a server and returns its answers.
func askAll(t *testing.T, port int) map[string]fromServer {
	t.Helper()
	plain := &http.Client{
		Timeout:       patience,
		CheckRedirect: client.CheckRedirect,
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
		}},
	}
	all := make(map[string]fromServer)
	for _, a := range requestsToSites {
		method, contentType, body := a[1], "", io.Reader(nil)
		switch method {
		case "form":
			method, contentType, body = "POST", "application/x-www-form-urlencoded", strings.NewReader("a=1&b[c]=d+e")
		case "file":
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			part, _ := w.CreateFormFile("up", "a.txt")
			_, _ = part.Write([]byte("of a file"))
			_ = w.WriteField("x", "y")
			_ = w.Close()
			method, contentType, body = "POST", w.FormDataContentType(), &b
		case "PUT":
			body = strings.NewReader("put")
		}
		r := request(t, method, "http://"+a[0]+a[2], body)
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		r.Header.Set("Cookie", "c=d")
		res, err := plain.Do(r)
		if err != nil {
			t.Fatalf("%v: %v", a, err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatalf("%v: %v", a, err)
		}
		answer := fromServer{status: res.StatusCode, header: make(map[string]string)}
		if res.StatusCode < 300 {
			answer.body = strings.ReplaceAll(string(text), "%2F", "/") // as Caddy writes a slash in a query of its own
		}
		for _, name := range []string{"X-Script", "X-Frame-Options", "Cache-Control", "Location"} {
			answer.header[name] = res.Header.Get(name)
		}
		all[strings.Join(a[:], " ")] = answer
	}
	return all
}

// oldMachine puts the sites of testdata/migrate and their configuration into a folder of their own.
func oldMachine(t *testing.T, port int) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "old-") // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	words := []string{"{dir}", dir, "{root}", filepath.Join(dir, "www"), "{port}", fmt.Sprint(port), "{user}", "", "{owner}", ""}
	if os.Geteuid() == 0 {
		words[7], words[9] = "user root;", "user = root\ngroup = root"
	}
	put := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("testdata", "migrate", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, name := range []string{"nginx.conf", "www.conf", "fastcgi.conf"} {
		put(name, strings.NewReplacer(words...).Replace(read(name)))
	}
	say := read("say.php")
	for _, name := range scriptsOfSites {
		put(filepath.Join("www", name), say)
	}
	for name, content := range filesOfSites {
		put(filepath.Join("www", name), content)
	}
	return dir
}

// run starts a server of the old machine and ends it with the test, or when end is called.
func runOld(t *testing.T, binary string, args ...string) (end func()) {
	t.Helper()
	said := newLogs()
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	end = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		if t.Failed() {
			t.Logf("%s said: %s", filepath.Base(binary), said.text())
		}
	}
	t.Cleanup(end)
	return end
}

func TestAMigratedMachineAnswersAsNginxAndPHPFPMDid(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("classic mode is for Linux")
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed: there is nothing to compare with")
	}
	ports := freePorts(t, 2)
	dir := oldMachine(t, ports[0])
	fpm := []string{"-F", "-O", "-p", dir, "-y", filepath.Join(dir, "www.conf")}
	if os.Geteuid() == 0 {
		fpm = append(fpm, "-R")
	}
	endFPM := runOld(t, findFPM(t), fpm...)
	endNginx := runOld(t, nginx, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir)
	eventually(t, "nginx and PHP-FPM answer", func() bool {
		res, err := client.Do(request(t, "GET", fmt.Sprintf("http://127.0.0.1:%d/index.php", ports[0]), nil))
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	old := askAll(t, ports[0])
	endNginx()
	endFPM()

	migrate := exec.Command(caddyBinary, "php-worker", "migrate", filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "www.conf"))
	var left bytes.Buffer
	migrate.Stderr = &left
	caddyfile, err := migrate.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, left.String())
	}
	text := strings.ReplaceAll(string(caddyfile), fmt.Sprintf(":%d", ports[0]), fmt.Sprintf(":%d", ports[1]))
	global, sites, ok := strings.Cut(strings.TrimPrefix(text, "{\n"), "\n}\n")
	if !ok || !strings.HasPrefix(text, "{\n") {
		t.Fatalf("the pool that all sites share is no global option in:\n%s", text)
	}
	start(t, sites, withGlobal(global))
	ours := askAll(t, ports[1])
	for _, name := range slices.Sorted(maps.Keys(old)) {
		before, now := old[name], ours[name]
		if known, ok := knownToDiffer[name]; ok {
			if before.status != known[0] || now.status != known[1] {
				t.Errorf("%s: %d, and %d before, are not what is documented: %v", name, now.status, before.status, known)
			}
			continue
		}
		if before.status != now.status || before.body != now.body {
			t.Errorf("%s: status %d, before %d:\n%s\nbefore:\n%s", name, now.status, before.status, now.body, before.body)
		}
		for header, value := range before.header {
			if !sameValue(value, now.header[header]) {
				t.Errorf("%s: the header %s is %q, before %q", name, header, now.header[header], value)
			}
		}
	}
	if t.Failed() {
		t.Logf("the Caddyfile:\n%s", text)
	}
	if len(old) != len(requestsToSites) || len(old) < 70 {
		t.Errorf("%d different requests were sent", len(old))
	}
}

// ownHost is what nginx writes before the path of a redirect, and Caddy leaves out.
var ownHost = regexp.MustCompile(`^http://[a-z.]+:\d+/`)

// sameValue compares a header.
func sameValue(before, now string) bool {
	return before == now || strings.HasPrefix(now, "/") && ownHost.ReplaceAllString(before, "/") == now
}

func TestTheCommandMigrateSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := write("whole.conf", "server {\n\tlisten 80;\n\tserver_name a.test;\n\tsendfile on;\n\troot /srv;\n}\n")
	for _, c := range []struct {
		args         []string
		code         int
		out, errText string
	}{
		{[]string{whole}, 0, "\troot /srv # whole.conf:5\n", "directives need no line; --all lists them."},
		{[]string{whole, "--all"}, 0, "file_server", "whole.conf:4: sendfile on: Caddy does so"},
		{[]string{write("left.conf", "server {\n\tserver_name a.test;\n\tstrange on;\n}\n")}, 3, "\t# left.conf:3: strange on: has no counterpart", "left.conf:3: strange on: has no counterpart that is known here\n"},
		{[]string{write("broken.conf", "server {\n")}, 1, "", "Error: broken.conf:2: the file ends within a block"},
		{[]string{write("none.conf", "events { }\n")}, 1, "", "there is no server block"},
		{[]string{filepath.Join(dir, "nowhere")}, 1, "", "no such file"},
		{nil, 2, "", "requires at least 1 arg"},
	} {
		cmd := exec.Command(caddyBinary, append([]string{"php-worker", "migrate"}, c.args...)...)
		var out, errText bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errText
		err := cmd.Run()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errText.String(), c.errText) {
			t.Errorf("%v: exit status %d, want %d\n%s\n%s", c.args, code, c.code, out.String(), errText.String())
		}
	}
}
