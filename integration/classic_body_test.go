package integration

import (
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// aForm is a multipart form with a field and a file of that size.
func aForm(t *testing.T, name string, size int) (body *bytes.Buffer, contentType, sha string) {
	t.Helper()
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	if err := w.WriteField("field", "value"); err != nil {
		t.Fatal(err)
	}
	part, err := w.CreateFormFile("f", name)
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(content)
	return body, w.FormDataContentType(), hex.EncodeToString(sum[:])
}

func TestPHPTakesUploadsItself(t *testing.T) {
	t.Parallel()
	root := scripts(t, "uploads/")
	if err := os.Chmod(root+"/uploads", 0o777); err != nil {
		t.Fatal(err)
	}
	_, at := site(t, classicSite(root, "workers 1", "deny_scripts /uploads", "body_memory 64KB", "ini upload_max_filesize 64M", "ini post_max_size 64M"))
	for _, size := range []int{16, 1 << 20, 20 << 20} {
		body, contentType, sha := aForm(t, "pic.jpg", size)
		r := request(t, "POST", at+"/see.php", body)
		r.Header.Set("Content-Type", contentType)
		got := see(t, r)
		file, _ := got.Files.(map[string]any)["f"].(map[string]any)
		if file["name"] != "pic.jpg" || file["sha1"] != sha || file["error"] != 0.0 || file["size"] != float64(size) || fmt.Sprint(got.Post) != "map[field:value]" {
			t.Errorf("%d bytes: %v, $_POST %v", size, file, got.Post)
		}
		temporary, _ := file["tmp_name"].(string)
		eventually(t, "PHP has removed the upload", func() bool { return temporary != "" && !exists(temporary) })
	}
	// What is uploaded is not executed where the site says so, whatever its name.
	body, contentType, _ := aForm(t, "evil.php", 16)
	r := request(t, "POST", at+"/move.php", body)
	r.Header.Set("Content-Type", contentType)
	if status, text := do(t, r); status != 200 || text != "kept" {
		t.Fatalf("the upload: %d, %q", status, text)
	}
	if !exists(root + "/uploads/evil.php") {
		t.Fatal("it is not where it was moved to")
	}
	if status, text := get(t, at+"/uploads/evil.php"); status != http.StatusForbidden || strings.Contains(text, "0123") {
		t.Errorf("a script that was uploaded: %d, %q", status, text)
	}
}

func TestABodyLargerThanMemoryReachesAScript(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	_, at := site(t, classicSite(root, "workers 1", "body_memory 64KB", "max_body 30MB", "ini memory_limit 256M", "ini post_max_size 64M"))
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<16)
	sum := sha1.Sum(content)
	for name, body := range map[string]io.Reader{"its length is known": bytes.NewReader(content), "it is chunked": io.MultiReader(bytes.NewReader(content))} {
		r := request(t, "PUT", at+"/see.php", body)
		r.Header.Set("Content-Type", "application/octet-stream")
		if got := see(t, r); got.Length != len(content) || got.SHA1 != hex.EncodeToString(sum[:]) || got.param("CONTENT_LENGTH") != fmt.Sprint(len(content)) {
			t.Errorf("%s: %d bytes, %s, CONTENT_LENGTH %s", name, got.Length, got.SHA1, got.param("CONTENT_LENGTH"))
		}
	}
	if status, _ := do(t, request(t, "POST", at+"/see.php", bytes.NewReader(make([]byte, 31<<20)))); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body beyond max_body: %d", status)
	}
}

func TestASlowUploadHoldsNoProcess(t *testing.T) {
	t.Parallel()
	at, host, slow := oneProcess(t)
	fmt.Fprintf(slow, "POST /see.php HTTP/1.1\r\nHost: %s\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc", host)
	for range 20 { // there is one process only
		if status, _ := get(t, at+"/pid.php"); status != 200 {
			t.Fatalf("status %d", status)
		}
	}
	fmt.Fprint(slow, "def")
	all, err := io.ReadAll(slow)
	if err != nil || !bytes.Contains(all, []byte(`"length":6`)) {
		t.Errorf("%v, %s", err, all)
	}
}

func TestASlowClientHoldsNoProcess(t *testing.T) {
	t.Parallel()
	const size = 6_000_000 // more than the sockets take
	for name, script := range map[string]string{"at once": "answer.php?text=x&times=%d", "with pauses": "pauses.php?size=%d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slowClient(t, fmt.Sprintf(script, size), size)
		})
	}
}

// slowClient reads an answer of so many x only when others have been answered by the same process.
func slowClient(t *testing.T, script string, size int) {
	t.Helper()
	at, host, slow := oneProcess(t)
	fmt.Fprintf(slow, "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", script, host)
	head := make([]byte, 12)
	if _, err := io.ReadFull(slow, head); err != nil || string(head) != "HTTP/1.1 200" {
		t.Fatalf("%q, %v", head, err)
	}
	for range 20 {
		if status, _ := get(t, at+"/pid.php"); status != 200 {
			t.Fatalf("status %d", status)
		}
	}
	rest, err := io.ReadAll(slow)
	if err != nil || bytes.Count(rest, []byte("x")) < size {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}

func TestTheAnswerOfAScriptComesAsItIs(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	files := t.TempDir()
	if err := os.WriteFile(files+"/report.txt", []byte("the report"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, at := site(t, "encode gzip\n"+classicSite(root, "workers 1", fmt.Sprintf("sendfile %q", files)))
	ask := func(method, query string, headers ...string) (*http.Response, string) {
		t.Helper()
		values := url.Values{"header[]": headers}
		res := send(t, request(t, method, at+"/answer.php?"+query+"&"+values.Encode(), nil))
		return res, readAll(t, res)
	}
	if res, body := ask("GET", "status=404&text=no"); res.StatusCode != 404 || body != "no" || res.Header.Get("Content-Length") != "2" || res.Header.Get("Status") != "" {
		t.Errorf("404: %d, %q, %v", res.StatusCode, body, res.Header)
	}
	if res, _ := ask("GET", "status=200", "Location: /elsewhere"); res.StatusCode != 302 || res.Header.Get("Location") != "/elsewhere" {
		t.Errorf("a redirection: %d, %v", res.StatusCode, res.Header)
	}
	if res, _ := ask("GET", "status=201", "Location: /elsewhere"); res.StatusCode != 201 {
		t.Errorf("created elsewhere: %d", res.StatusCode)
	}
	if res, _ := ask("GET", "text=a", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-A: 1", "X-A: 2"); len(res.Header["Set-Cookie"]) != 2 || len(res.Header["X-A"]) != 2 {
		t.Errorf("several values: %v", res.Header)
	}
	for _, status := range []string{"204", "304"} {
		if res, body := ask("GET", "status="+status+"&text=x"); fmt.Sprint(res.StatusCode) != status || body != "" {
			t.Errorf("%s: %d, %q", status, res.StatusCode, body)
		}
	}
	if res, body := ask("HEAD", "text=abc&times=10"); res.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %d, %q", res.StatusCode, body)
	}
	if res, body := ask("GET", "text=dropped", "X-Accel-Redirect: /report.txt", "Content-Type: text/plain"); res.StatusCode != 200 || body != "the report" || res.Header.Get("X-Accel-Redirect") != "" {
		t.Errorf("a file: %d, %q, %v", res.StatusCode, body, res.Header)
	}
	if res, _ := ask("GET", "status=700"); res.StatusCode != http.StatusBadGateway {
		t.Errorf("a status that is none: %d", res.StatusCode)
	}
}

// Behind nginx it is so, too: half a download must not look like a whole one.
func TestAnAnswerOfAScriptThatFallsShortOfItsLengthIsCut(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	put(t, root, map[string]string{
		"fatal.php":  `<?php header('Content-Length: 500000'); echo str_repeat('x', (int) $_GET['size']); nothing();`,
		"killed.php": `<?php header('Content-Length: 500000'); echo str_repeat('x', (int) $_GET['size']); ob_get_level() && ob_end_flush(); flush(); usleep(100_000); posix_kill(getmypid(), 9);`,
		"whole.php":  `<?php header('Content-Length: 500000'); echo str_repeat('x', 500_000);`,
	})
	for sapi, binary := range programs(t) {
		t.Run(sapi, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			s := start(t, fmt.Sprintf("https://localhost:%d {\ntls internal\n%s\n}\n", port, classicSite(root, "workers 1", "php "+binary, "ini display_errors 0")))
			waitCertificate(t, port)
			insecure := &tls.Config{InsecureSkipVerify: true}
			for proto, transport := range map[string]http.RoundTripper{
				"HTTP/1.1": &http.Transport{TLSClientConfig: insecure, DisableCompression: true}, "HTTP/2": &http2.Transport{TLSClientConfig: insecure, DisableCompression: true},
			} {
				client := &http.Client{Transport: transport, Timeout: patience}
				for _, c := range []struct {
					method, path string
					size         int // of what comes
					cut          bool
				}{
					{"GET", "fatal.php?size=5", 5, true}, {"POST", "fatal.php?size=100000", 100_000, true}, {"HEAD", "fatal.php?size=5", 0, false},
					{"GET", "killed.php?size=100000", 100_000, true}, {"GET", "whole.php", 500_000, false},
				} {
					res, err := client.Do(request(t, c.method, fmt.Sprintf("https://localhost:%d/%s", port, c.path), nil))
					if err != nil {
						t.Errorf("%s, %s: %v", proto, c.path, err)
						continue
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if res.ContentLength != 500_000 || len(body) != c.size || c.cut != (err != nil) {
						t.Errorf("%s, %s %s: length %d, %d bytes, %v", proto, c.method, c.path, res.ContentLength, len(body), err)
					}
				}
			}
			s.waitLog("the answer broke off")
		})
	}
}

func TestAStreamOfAScriptIsPassedOnAsItComes(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	_, at := site(t, classicSite(root, "workers 1"))
	g := newGate(t)
	res := send(t, request(t, "GET", at+"/stream.php?gate="+url.QueryEscape(g.path), nil))
	first := make([]byte, len("first\n"))
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first\n" {
		t.Fatalf("%q, %v", first, err)
	}
	g.open("second")
	if rest := readAll(t, res); rest != "second" {
		t.Errorf("then %q", rest)
	}
}

// oneProcess serves scripts with one process, and returns a connection to a client that takes its time.
func oneProcess(t *testing.T) (at, host string, slow net.Conn) {
	t.Helper()
	_, at = site(t, classicSite(scripts(t), "workers 1"))
	host = strings.TrimPrefix(at, "http://")
	slow, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slow.Close() })
	return at, host, slow
}
