package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sendfileTree makes two roots and, beside them, files that no one must get.
func sendfileTree(t *testing.T) (top string) {
	t.Helper()
	top = t.TempDir()
	for name, content := range map[string]string{
		"private/report.pdf": "0123456789", "private/page.html": "<b>", "private/unknown": "<script>", "private/a b+ü%.txt": "odd name",
		"second/other.txt": "other", "secret.txt": "secret", "private/sub/deep.css": "a{}", "private-too/x.txt": "secret",
	} {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"private/out": "../secret.txt", "private/abs": filepath.Join(top, "secret.txt"), "private/folder": "..", "private/in": "report.pdf",
		"current": "private",
	} {
		if err := os.Symlink(target, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	// What is no file: a pipe that nobody writes to, and a socket that nobody reads.
	for name, kind := range map[string]uint32{"private/pipe": syscall.S_IFIFO, "private/socket": syscall.S_IFSOCK} {
		if err := syscall.Mknod(filepath.Join(top, name), kind|0o666, 0); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func sending(header, value string) map[string][]string { return map[string][]string{header: {value}} }

func TestFilesAreSentFromBelowTheRootsOnly(t *testing.T) {
	t.Parallel()
	top := sendfileTree(t)
	_, url := site(t, loop.directive("workers 1", fmt.Sprintf("sendfile %q %q /dev", top+"/current", top+"/second"))+
		"handle_errors {\nrespond \"our page for {err.status_code}\"\n}\n")
	pid, _ := worker(t, url)
	for _, c := range []struct {
		header, value string
		status        int
		body, kind    string
	}{
		// Absolute paths, by the name of the root and by where it really is.
		{"X-Sendfile", top + "/current/report.pdf", 200, "0123456789", "application/pdf"},
		{"X-Sendfile", top + "/private/report.pdf", 200, "0123456789", "application/pdf"},
		{"X-Sendfile", top + "/second/other.txt", 200, "other", "text/plain; charset=utf-8"},
		{"x-sendfile", "report.pdf", 200, "0123456789", "application/pdf"},
		{"X-Sendfile", "a b+ü%.txt", 200, "odd name", "text/plain; charset=utf-8"},
		{"X-Accel-Redirect", "/report.pdf", 200, "0123456789", "application/pdf"},
		{"X-Accel-Redirect", "/a%20b+%C3%BC%25.txt", 200, "odd name", "text/plain; charset=utf-8"},
		{"X-Accel-Redirect", "/other.txt", 200, "other", "text/plain; charset=utf-8"},
		{"X-Accel-Redirect", "/sub/../sub/deep.css", 200, "a{}", "text/css; charset=utf-8"},
		{"X-Sendfile", "in", 200, "0123456789", "application/octet-stream"}, // a link that stays inside
		{"X-Sendfile", "unknown", 200, "<script>", "application/octet-stream"},

		{"X-Sendfile", "missing", 404, "our page for 404", ""},
		{"X-Accel-Redirect", "/../secret.txt", 404, "our page for 404", ""},
		{"X-Accel-Redirect", "/%2e%2e/secret.txt", 404, "our page for 404", ""},
		{"X-Accel-Redirect", "/..%2f..%2fetc/passwd", 404, "our page for 404", ""},
		{"X-Sendfile", "../secret.txt", 404, "our page for 404", ""},
		{"X-Sendfile", top + "/secret.txt", 404, "our page for 404", ""},
		{"X-Sendfile", top + "/private/../secret.txt", 404, "our page for 404", ""},
		{"X-Sendfile", top + "/private-too/x.txt", 404, "our page for 404", ""},
		{"X-Sendfile", "/etc/passwd", 404, "our page for 404", ""},
		{"X-Sendfile", "out", 500, "our page for 500", ""},
		{"X-Sendfile", "abs", 500, "our page for 500", ""},
		{"X-Sendfile", "folder/secret.txt", 500, "our page for 500", ""},
		{"X-Sendfile", "sub", 500, "our page for 500", ""},
		{"X-Sendfile", "pipe", 500, "our page for 500", ""},
		{"X-Sendfile", "pipe/x", 500, "our page for 500", ""},
		{"X-Sendfile", "socket", 500, "our page for 500", ""},
		{"X-Accel-Redirect", "/null", 500, "our page for 500", ""}, // below the third root, /dev
		{"X-Sendfile", "/dev/zero", 500, "our page for 500", ""},
		{"X-Accel-Redirect", "/report.pdf%00.txt", 500, "our page for 500", ""},
	} {
		headers := sending(c.header, c.value)
		headers["Set-Cookie"] = []string{"a=1", "b=2"}
		headers["Content-Length"] = []string{"3"}
		res := send(t, answerRequest(t, url, 200, headers, "the body of PHP, which is dropped"))
		body := readAll(t, res)
		if res.StatusCode != c.status || body != c.body {
			t.Errorf("%s: %s: status %d, %q, want %d, %q", c.header, c.value, res.StatusCode, body, c.status, c.body)
			continue
		}
		for _, name := range []string{"X-Sendfile", "X-Accel-Redirect"} {
			if res.Header.Get(name) != "" {
				t.Errorf("%s: %s: the client sees it", c.header, c.value)
			}
		}
		if c.status == 200 && (res.Header.Get("Content-Type") != c.kind || len(res.Header["Set-Cookie"]) != 2 || res.ContentLength != int64(len(c.body))) {
			t.Errorf("%s: %s: type %q, cookies %q, length %d", c.header, c.value, res.Header.Get("Content-Type"), res.Header["Set-Cookie"], res.ContentLength)
		}
	}
	if now, _ := worker(t, url); now != pid {
		t.Errorf("it cost a worker")
	}
}

func TestRangesAndConditionsOfSentFiles(t *testing.T) {
	t.Parallel()
	top := sendfileTree(t)
	stamp := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(top, "private/report.pdf"), stamp, stamp); err != nil {
		t.Fatal(err)
	}
	_, url := site(t, loop.directive("workers 1", fmt.Sprintf("sendfile %q", top+"/private")))
	headers := map[string][]string{"X-Sendfile": {"report.pdf"}, "Content-Type": {"application/x-own"}, "ETag": {`"v1"`}}
	for _, c := range []struct {
		method, name, value string
		status              int
		body, ranges        string
	}{
		{"POST", "Range", "bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"POST", "Range", "bytes=-3", 206, "789", "bytes 7-9/10"},
		{"POST", "Range", "bytes=8-", 206, "89", "bytes 8-9/10"},
		{"POST", "Range", "bytes=20-", 416, "", "bytes */10"},
		{"POST", "Range", "bytes=nonsense", 416, "", ""},
		{"POST", "If-Match", `"v2"`, 412, "", ""},
		{"POST", "If-Match", `"v1"`, 200, "0123456789", ""},
	} {
		r := answerRequest(t, url, 200, headers, "")
		r.Header.Set(c.name, c.value)
		res := send(t, r)
		body := readAll(t, res)
		if c.status == 416 {
			body = ""
		}
		if res.StatusCode != c.status || body != c.body || res.Header.Get("Content-Range") != c.ranges {
			t.Errorf("%s: %s: status %d, %q, Content-Range %q", c.name, c.value, res.StatusCode, body, res.Header.Get("Content-Range"))
		}
		if c.status < 300 && res.Header.Get("Content-Type") != "application/x-own" {
			t.Errorf("%s: %s: type %q", c.name, c.value, res.Header.Get("Content-Type"))
		}
	}

	// GET, with what validators it has.
	for _, c := range []struct {
		method, name, value string
		status              int
		length              int64
	}{
		{"GET", "X-None", "", 200, 10},
		{"GET", "If-None-Match", `"v1"`, 304, 0}, {"GET", "If-None-Match", `"v0"`, 200, 10},
		{"GET", "If-Modified-Since", stamp.Format(http.TimeFormat), 304, 0},
		{"GET", "If-Modified-Since", stamp.Add(-time.Hour).Format(http.TimeFormat), 200, 10},
		{"GET", "If-Range", `"v0"`, 200, 10},
	} {
		want := `{"status":200,"headers":{"X-Accel-Redirect":["/report.pdf"]`
		if strings.Contains(c.name, "Match") || c.name == "If-Range" {
			want += `,"ETag":["\"v1\""]`
		}
		r := request(t, c.method, url+"/answer", strings.NewReader(want+"}}"))
		r.Header.Set(c.name, c.value)
		if c.name == "If-Range" {
			r.Header.Set("Range", "bytes=0-1")
		}
		res := send(t, r)
		if body := readAll(t, res); res.StatusCode != c.status || int64(len(body)) != c.length {
			t.Errorf("%s: %s: status %d, %d bytes", c.name, c.value, res.StatusCode, len(body))
		}
		if c.status != 304 && res.Header.Get("Last-Modified") != stamp.Format(http.TimeFormat) {
			t.Errorf("Last-Modified is %q", res.Header.Get("Last-Modified"))
		}
	}
}

// TestHEADOfASentFileTellsWhatGETWouldSend has an application of its own: HEAD has no
// body to tell the usual one what to answer.
func TestHEADOfASentFileTellsWhatGETWouldSend(t *testing.T) {
	t.Parallel()
	top := sendfileTree(t)
	autoload, err := filepath.Abs("../php/autoload.php")
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "worker.php")
	writeFile(t, script, fmt.Sprintf(`<?php
require %q;
PhpWorker\Worker::create()->run(static fn(PhpWorker\Request $r) => new PhpWorker\Response(
	200, ['X-Sendfile' => ltrim($r->path, '/'), 'ETag' => '"v1"'], $r->method === 'HEAD' ? '' : 'the body of PHP'));
`, autoload))
	_, url := site(t, fmt.Sprintf("php_worker * %q {\n\tworkers 1\n\tsendfile %q\n}\n", script, top+"/private"))
	for _, c := range []struct {
		path, header, value  string
		status               int
		length, kind, ranges string
	}{
		{"/report.pdf", "", "", 200, "10", "application/pdf", ""},
		{"/page.html", "", "", 200, "3", "text/html; charset=utf-8", ""},
		{"/unknown", "", "", 200, "8", "application/octet-stream", ""},
		{"/report.pdf", "Range", "bytes=2-4", 206, "3", "application/pdf", "bytes 2-4/10"},
		{"/report.pdf", "If-None-Match", `"v1"`, 304, "", "", ""},
		{"/missing", "", "", 404, "0", "", ""},
		{"/out", "", "", 500, "0", "", ""},
	} {
		for _, method := range []string{"HEAD", "GET"} { // both tell the same
			header := ""
			if c.header != "" {
				header = c.header + ": " + c.value + "\r\n"
			}
			d := dialSite(t, url)
			fmt.Fprintf(d, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", method, c.path, d.RemoteAddr(), header)
			all, err := io.ReadAll(d)
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(string(all), "\r\n\r\n") // not as a client reads it, who knows that HEAD has none
			res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head+"\r\n\r\n")), nil)
			if err != nil {
				t.Fatalf("%s %s: %v in %q", method, c.path, err, all)
			}
			got := res.Header
			errorPage := c.status >= 400 // of Caddy, which gives HEAD no length
			if res.StatusCode != c.status || !errorPage && got.Get("Content-Length") != c.length || got.Get("Content-Type") != c.kind || got.Get("Content-Range") != c.ranges {
				t.Errorf("%s %s %s: %s", method, c.path, header, head)
			}
			if want := c.length; method == "HEAD" && body != "" || method == "GET" && want != "" && strconv.Itoa(len(body)) != want {
				t.Errorf("%s %s %s: body %q", method, c.path, header, body)
			}
		}
	}
}

func TestWithoutRootsTheHeadersMeanNothing(t *testing.T) {
	t.Parallel()
	top := sendfileTree(t)
	_, url := site(t, loop.directive("workers 1"))
	for _, header := range []string{"X-Sendfile", "X-Accel-Redirect"} {
		res := send(t, answerRequest(t, url, 200, sending(header, top+"/secret.txt"), "the body"))
		if body := readAll(t, res); body != "the body" {
			t.Errorf("%s: %q", header, body)
		}
	}
}

// TestTheWorkerIsFreeWhileAFileIsSent has a client that does not read a large file:
// the only worker serves others meanwhile.
func TestTheWorkerIsFreeWhileAFileIsSent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const size = 64 << 20
	file, err := os.Create(filepath.Join(dir, "large.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	file.Close()
	_, url := site(t, loop.directive("workers 1", fmt.Sprintf("sendfile %q", dir)))
	want := `{"headers":{"X-Sendfile":["large.bin"]}}`
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "POST /answer HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", conn.RemoteAddr(), len(want), want)
	reader := bufio.NewReaderSize(conn, 512)
	res, err := http.ReadResponse(reader, nil) // the head only
	if err != nil || res.StatusCode != 200 || res.ContentLength != size {
		t.Fatalf("%+v, %v", res, err)
	}
	pid, _ := worker(t, url)
	for range 50 {
		if now, _ := worker(t, url); now != pid {
			t.Fatalf("worker %d is now %d", pid, now)
		}
	}
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n != size {
		t.Errorf("then %d bytes came, %v", n, err)
	}
}
