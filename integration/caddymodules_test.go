package integration

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

func TestEncodeCompressesWhatPHPAnswers(t *testing.T) {
	t.Parallel()
	_, url := site(t, "encode {\ngzip\nminimum_length 1\n}\n"+loop.directive("workers 2"))
	plain := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: patience}
	ask := func(r *http.Request) *http.Response {
		r.Header.Set("Accept-Encoding", "gzip")
		res, err := plain.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	text := strings.Repeat("compress me ", 1000)
	for _, large := range []int{0, 100_000} { // large headers are sent before we return
		html := map[string][]string{"Content-Type": {"text/html"}, "Content-Length": {"12000"}, "ETag": {`"v1"`}, "X-Large": {strings.Repeat("h", large)}}
		res := ask(answerRequest(t, url, 200, html, text))
		if res.Header.Get("Content-Encoding") != "gzip" || res.ContentLength == 12000 || !strings.Contains(strings.Join(res.Header["Vary"], ","), "Accept-Encoding") {
			t.Errorf("%q", res.Header)
		}
		z, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if unpacked, err := io.ReadAll(z); err != nil || string(unpacked) != text {
			t.Errorf("%d bytes, %v", len(unpacked), err)
		}
		res = ask(answerRequest(t, url, 201, map[string][]string{"X-Large": html["X-Large"]}, ""))
		if body := readAll(t, res); res.StatusCode != 201 || len(res.Header.Get("X-Large")) != large || body != "" {
			t.Errorf("an empty answer: status %d, %q", res.StatusCode, body)
		}
	}

	// What PHP has compressed itself is left alone, and so is what has no type for it.
	for name, headers := range map[string]map[string][]string{
		"compressed by PHP": {"Content-Type": {"text/html"}, "Content-Encoding": {"br"}},
		"an image":          {"Content-Type": {"image/png"}},
	} {
		res := ask(answerRequest(t, url, 200, headers, text))
		if got := res.Header.Get("Content-Encoding"); got != strings.Join(headers["Content-Encoding"], "") || readAll(t, res) != text {
			t.Errorf("%s has the encoding %q", name, got)
		}
	}

	// A stream arrives compressed chunk by chunk, and breaks off visibly.
	g := newGate(t)
	g.open("first")
	res := ask(request(t, "GET", url+"/gated?gate="+g.path, nil))
	if res.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%q", res.Header)
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(z)
	expectLine(t, lines, "chunk 0: first")
	g.open("next")
	expectLine(t, lines, "chunk 1: next")
	g.open("exit")
	if rest, err := io.ReadAll(lines); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after the worker's end came %q and %v", rest, err)
	}
}

func TestHeaderDirectivesWorkOnAnswersOfPHP(t *testing.T) {
	t.Parallel()
	_, url := site(t, `header {
	-X-Powered-By
	X-Set "before"
	+X-Added "by caddy"
	?X-Default "default"
	>X-Changed "old" "new"
	defer
}
header X-Early "early"
`+loop.directive("workers 1"))
	res := send(t, answerRequest(t, url, 200, map[string][]string{
		"X-Powered-By": {"PHP"}, "X-Added": {"by php"}, "X-Default": {"own"}, "X-Changed": {"so old"}, "X-Early": {"by php"},
	}, "body"))
	for name, want := range map[string][]string{
		"X-Powered-By": nil, "X-Set": {"before"}, "X-Added": {"by php", "by caddy"}, "X-Default": {"own"}, "X-Changed": {"so new"},
		"X-Early": {"by php"}, // what PHP says replaces what stood there before
	} {
		if got := res.Header[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestInterceptSeesAnswersOfPHP(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, url := site(t, fmt.Sprintf(`intercept {
	@lost status 404
	handle_response @lost {
		respond "no page, php said {resp.header.X-Reason}" 410
	}
	@file header X-Own-File *
	handle_response @file {
		root * %q
		rewrite * /{resp.header.X-Own-File}
		file_server
	}
}
`, dir)+loop.directive("workers 1"))
	writeFile(t, filepath.Join(dir, "a.txt"), "from the disk")
	if status, body := do(t, answerRequest(t, url, 404, map[string][]string{"X-Reason": {"gone"}}, "php's page")); status != 410 || body != "no page, php said gone" {
		t.Errorf("status %d, %q", status, body)
	}
	r := request(t, "GET", url+"/answer", strings.NewReader(`{"headers":{"X-Own-File":["a.txt"]},"body":"php's page, which is longer"}`))
	if status, body := do(t, r); status != 200 || body != "from the disk" {
		t.Errorf("status %d, %q", status, body)
	}
	if status, body := do(t, answerRequest(t, url, 200, nil, "php's page")); status != 200 || body != "php's page" {
		t.Errorf("status %d, %q", status, body)
	}
}

func TestLogDirectivesWorkWithOurHandler(t *testing.T) {
	t.Parallel()
	s, url := site(t, `log
log_skip /quiet
log_append worker {http.php_worker.pool}
log_append >early {http.php_worker.pool}
`+loop.directive("workers 1", "name front"))
	get(t, url+"/quiet")
	get(t, url+"/id?id=loud")
	var record map[string]any
	eventually(t, "the access log has the request", func() bool {
		for _, r := range s.logs.records("handled request") {
			request, _ := r["request"].(map[string]any)
			switch request["uri"] {
			case "/id?id=loud":
				record = r
			case "/quiet":
				t.Fatal("a request is logged that is to be skipped")
			}
		}
		return record != nil
	})
	if record["worker"] != "front" || record["status"] != 200.0 || record["size"] != float64(len("right loud")) {
		t.Errorf("%v", record)
	}
}

func TestOrderAndNumberOfHeaderValuesAreKept(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1")
	cookies := []string{"b=2; Path=/; Expires=Wed, 09 Jun 2027 10:18:14 GMT; HttpOnly", "a=\"1, 2\"; SameSite=Lax", "b=3", "weird=%20=;;"}
	links := []string{"</z.css>; rel=preload", "</a.css>; rel=preload"}
	res := send(t, answerRequest(t, url, 200, map[string][]string{
		"set-COOKIE": cookies, "Link": links, "WWW-Authenticate": {"Basic realm=a", "Bearer"}, "X-Empty": {""},
		"Http2-Push": {"/style.css"}, "X-UTF8": {"für"},
	}, ""))
	if !reflect.DeepEqual(res.Header["Set-Cookie"], cookies) || !reflect.DeepEqual(res.Header["Link"], links) {
		t.Errorf("cookies %q, links %q", res.Header["Set-Cookie"], res.Header["Link"])
	}
	if got := res.Header["Www-Authenticate"]; len(got) != 2 || res.Header.Get("X-Utf8") != "für" {
		t.Errorf("%q", res.Header)
	}
	if _, there := res.Header["Http2-Push"]; there {
		t.Error("Http2-Push came through")
	}
}

func TestLengthsThatLie(t *testing.T) {
	t.Parallel()
	script := withFile("liar.php", `<?php
require getenv('AUTOLOAD');
PhpWorker\Worker::create()->run(function (PhpWorker\Request $request): PhpWorker\Response {
	parse_str((string) parse_url($request->uri, PHP_URL_QUERY), $query);
	$headers = ['Content-Type' => 'text/plain', 'Content-Length' => $query['told']];
	$chunks = (function () use ($query) {
		for ($i = 0; $i < 4; $i++) {
			yield str_repeat('x', (int) $query['chunk']);
		}
	})();
	return new PhpWorker\Response((int) ($query['status'] ?? 200), $headers, isset($query['whole']) ? str_repeat('x', 100) : $chunks);
});
`)
	autoload, err := filepath.Abs("../php/autoload.php")
	if err != nil {
		t.Fatal(err)
	}
	port := freePorts(t, 1)[0]
	s := start(t, fmt.Sprintf("https://localhost:%d {\ntls internal\nphp_worker liar.php {\nworkers 1\n%s\n}\n}\n", port, env("AUTOLOAD", autoload)), script)
	waitCertificate(t, port)
	url := fmt.Sprintf("https://localhost:%d", port)
	insecure := &tls.Config{InsecureSkipVerify: true}
	clients := map[string]*http.Client{
		"HTTP/1.1": {Transport: &http.Transport{TLSClientConfig: insecure}, Timeout: patience},
		"HTTP/2":   {Transport: &http2.Transport{TLSClientConfig: insecure}, Timeout: patience},
	}
	for proto, client := range clients {
		for _, c := range []struct {
			name, query string
			length      int64
			bytes       int
			broken      bool
		}{
			{"one frame, too short a length", "whole=1&told=3", 100, 100, false},
			{"one frame, too long a length", "whole=1&told=3000", 100, 100, false},
			{"one frame, nonsense", "whole=1&told=-5", 100, 100, false},
			{"a stream of its length", "chunk=25&told=100", 100, 100, false},
			{"a stream without a length", "chunk=25&told=x", -1, 100, false},
			{"a stream that is too short", "chunk=10&told=100", 100, 40, true},
			// The client has what was announced; its connection is not used again.
			{"a stream that is too long", "chunk=50&told=100", 100, 100, proto == "HTTP/2"},
			{"no content", "whole=1&told=100&status=204", -2, 0, false},
			{"not modified", "chunk=10&told=100&status=304", -2, 0, false},
		} {
			res, err := client.Get(url + "/?" + c.query)
			if err != nil {
				t.Errorf("%s, %s: %v", proto, c.name, err)
				continue
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if c.length > -2 && res.ContentLength != c.length || len(body) > c.bytes || !c.broken && (err != nil || len(body) != c.bytes) || c.broken && err == nil {
				t.Errorf("%s, %s: length %d, %d bytes, %v", proto, c.name, res.ContentLength, len(body), err)
			}
			if _, reset := errors.AsType[http2.StreamError](err); c.broken && proto == "HTTP/2" && !reset {
				t.Errorf("%s, %s: %v, want the stream reset", proto, c.name, err)
			}
			if c.length == -2 && res.Header.Get("Content-Length") != "" {
				t.Errorf("%s, %s: it has the length %q", proto, c.name, res.Header.Get("Content-Length"))
			}
		}
	}
	for _, want := range []string{"the stream is shorter than its Content-Length", "the stream is longer than its Content-Length"} {
		eventually(t, "the log says: "+want, func() bool { return strings.Contains(s.logs.text(), want) })
	}
}

// waitCertificate waits until Caddy, which serves already, has a certificate.
func waitCertificate(t *testing.T, port int) {
	t.Helper()
	eventually(t, "there is a certificate", func() bool {
		conn, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", port), &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
