package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestHandleErrorsSeesOurErrors lets a site answer errors its own way, whoever
// caused them.
func TestHandleErrorsSeesOurErrors(t *testing.T) {
	t.Parallel()
	s, url := site(t, loop.directive("workers 1", "queue 1 20ms", "max_body 10B")+
		"handle_errors {\nrespond \"our own page for {err.status_code}\"\n}\n")
	for _, c := range []struct {
		request *http.Request
		status  int
	}{
		{request(t, "GET", url+"/a%00b", nil), 400},
		{request(t, "POST", url+"/", strings.NewReader("more than ten bytes")), 413},
		{request(t, "GET", url+"/error", nil), 500},
		{request(t, "POST", url+"/raw", strings.NewReader("nonsense")), 502},
		{request(t, "POST", url+"/exit?tries=/dev/null", nil), 502},
	} {
		eventually(t, "a worker serves", func() bool { // the one before may have cost it
			status, _ := get(t, url+"/pid")
			return status == http.StatusOK
		})
		if status, body := do(t, c.request); status != c.status || body != fmt.Sprintf("our own page for %d", c.status) {
			t.Errorf("%s: status %d, want %d, %q", c.request.URL, status, c.status, body)
		}
	}

	eventually(t, "a new worker serves", func() bool {
		status, _ := get(t, url+"/pid")
		return status == http.StatusOK
	})
	g := newGate(t)
	busy := asking(request(t, "GET", url+"/wait?id=1&gate="+g.path, nil))
	s.waitLog("entered 1")
	res := send(t, request(t, "GET", url+"/id", nil))
	if body := readAll(t, res); res.StatusCode != 503 || body != "our own page for 503" {
		t.Errorf("without a free worker: status %d, %q", res.StatusCode, body)
	}
	if after, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("Retry-After is %q", res.Header.Get("Retry-After"))
	}
	g.open("done")
	if got := <-busy; got.body != "done" {
		t.Errorf("the request that kept the worker busy: %+v", got)
	}
}

// TestPlaceholdersAndLogFieldsNameTheWorker reads them where a site would use
// them: in a header set when the answer begins, and in the access log.
func TestPlaceholdersAndLogFieldsNameTheWorker(t *testing.T) {
	t.Parallel()
	s, url := site(t, "log\nheader {\n"+
		"\t>X-Worker \"{http.php_worker.pool} {http.php_worker.pid}\"\n"+
		"\t>X-Times \"{http.php_worker.queue_ms} {http.php_worker.exec_ms}\"\n}\n"+
		loop.directive("workers 1", "name front"))
	pid, _ := worker(t, url)
	res := send(t, request(t, "GET", url+"/id?id=7", nil))
	if got, want := res.Header.Get("X-Worker"), fmt.Sprintf("front %d", pid); got != want {
		t.Errorf("the placeholders say %q, want %q", got, want)
	}
	var queued, executed float64
	if _, err := fmt.Sscan(res.Header.Get("X-Times"), &queued, &executed); err != nil || queued < 0 || executed <= 0 {
		t.Errorf("the times are %q", res.Header.Get("X-Times"))
	}

	var record map[string]any
	eventually(t, "the access log has the request", func() bool {
		for _, r := range s.logs.records("handled request") {
			if request, _ := r["request"].(map[string]any); request["uri"] == "/id?id=7" {
				record = r
			}
		}
		return record != nil
	})
	for field, want := range map[string]any{"php_worker.pool": "front", "php_worker.pid": float64(pid), "php_worker.retries": 0.0} {
		if record[field] != want {
			t.Errorf("the access log has %s: %v, want %v", field, record[field], want)
		}
	}
	for _, field := range []string{"php_worker.queue_ms", "php_worker.exec_ms"} {
		if ms, ok := record[field].(float64); !ok || ms < 0 {
			t.Errorf("the access log has %s: %v", field, record[field])
		}
	}
}

// TestTrustedProxiesAreBelieved compares a site that trusts its neighbour with one
// that does not.
func TestTrustedProxiesAreBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trusted, remote, uri string
	}{
		{"127.0.0.0/8", "192.0.2.7", "https://public.example/path?q=1"},
		{"192.0.2.0/24", "127.0.0.1", "http://127.0.0.1:%d/path?q=1"},
	} {
		port := freePorts(t, 1)[0]
		start(t, fmt.Sprintf("http://127.0.0.1:%d {\n%s}\n", port, loop.directive("workers 1")),
			withGlobal("servers {\ntrusted_proxies static "+c.trusted+"\n}"))
		r := request(t, "GET", fmt.Sprintf("http://127.0.0.1:%d/path?q=1", port), nil)
		r.Header.Set("X-Forwarded-For", "192.0.2.7")
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Host", "public.example")
		want := c.uri
		if strings.Contains(want, "%d") {
			want = fmt.Sprintf(want, port)
		}
		if got := tell(t, r); got.Remote != c.remote || got.URI != want {
			t.Errorf("trusting %s: from %s for %s, want %s for %s", c.trusted, got.Remote, got.URI, c.remote, want)
		}

		// What PHP cannot read ends its process, whoever says it.
		for name, evil := range map[string]string{
			"X-Forwarded-Host": "evil:99999", "X-Forwarded-Proto": "gopher", "X-Forwarded-For": "not an address, ]",
		} {
			r := request(t, "GET", r.URL.String(), nil)
			r.Header.Set(name, evil)
			status, body := do(t, r)
			if evil == "evil:99999" && c.remote != "127.0.0.1" {
				if status != 400 {
					t.Errorf("trusting %s: %s: %s is answered %d", c.trusted, name, evil, status)
				}
			} else if got := parseSeen(t, body); status != 200 || got.Remote != "127.0.0.1" || !strings.HasPrefix(got.URI, "http://127.0.0.1:") {
				t.Errorf("trusting %s: %s: %s is answered %d, from %s for %s", c.trusted, name, evil, status, got.Remote, got.URI)
			}
		}
	}
}

// siteFiles are below the root of the static tests; what PHP answers instead of a
// file has the path in its JSON.
var siteFiles = map[string]string{
	"style.css": "css", "folder/index.html": "the index", "empty/readme.txt": "text", ".well-known/acme": "challenge",
	"index.php": "<?php secret", "Upper.PHP": "<?php secret", "lib.inc": "secret", "page.phtml": "secret", "tool.phar": "secret", "x.phps": "secret",
	".env": "secret", ".git/config": "secret", "folder/.hidden": "secret",
	"composer.json": "secret", "composer.lock": "secret", "package.json": "secret",
}

// TestStaticFiles asks for everything below a root: what may be served comes from
// the disk, the rest goes to the worker.
func TestStaticFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, content := range siteFiles {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	served := map[string]string{"/style.css": "css", "/folder/": "the index", "/empty/readme.txt": "text", "/.well-known/acme": "challenge"}
	for _, c := range []struct {
		name, site string
		served     map[string]string
	}{
		{"the site's root", fmt.Sprintf("root %q\n", root) + loop.directive("workers 1"), served},
		{"a root in the block", loop.directive("workers 1", fmt.Sprintf("root %q", root)), served},
		{"static off", fmt.Sprintf("root %q\n", root) + loop.directive("workers 1", "static off"), nil},
		{"no root", loop.directive("workers 1"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, url := site(t, c.site)
			paths := []string{"/", "/style.css", "/folder/", "/empty/", "/missing", "/index.php/style.css", "/folder/../.env", "//.env", "/.%65nv", "/style.css/", "/worker.php", "/app.php"}
			for name := range siteFiles {
				paths = append(paths, "/"+name)
			}
			for _, path := range paths {
				status, body := get(t, url+path)
				if want, ok := c.served[path]; ok {
					if status != 200 || body != want {
						t.Errorf("%s: status %d, %q, want the file", path, status, body)
					}
				} else if path == "/folder/index.html" && c.served != nil {
					if status != 308 && body != "the index" { // the file server prefers the folder's name
						t.Errorf("%s: status %d, %q", path, status, body)
					}
				} else if status != 200 || parseSeen(t, body).Method != "GET" {
					t.Errorf("%s: status %d, %q, want the worker", path, status, body)
				}
			}
			for _, method := range []string{"POST", "PUT", "DELETE"} {
				if got := tell(t, request(t, method, url+"/style.css", nil)); got.Method != method || got.Path != "/style.css" {
					t.Errorf("%s of a file arrived as %s %s", method, got.Method, got.Path)
				}
			}
			head := send(t, request(t, "HEAD", url+"/style.css", nil))
			if fromDisk := head.Header.Get("Etag") != ""; fromDisk != (c.served != nil) {
				t.Errorf("HEAD of a file: from the disk: %t", fromDisk)
			}
			if c.served != nil {
				res := send(t, request(t, "GET", url+"/folder?q=1", nil))
				if res.StatusCode != 308 || res.Header.Get("Location") != "/folder/?q=1" {
					t.Errorf("a folder without its slash: status %d to %q", res.StatusCode, res.Header.Get("Location"))
				}
			}
		})
	}
}
