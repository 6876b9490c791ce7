package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testHostile sends over a bare socket what no well-behaved client sends, and
// then asks whether the very same process serves on: a request that ends a
// worker is a weapon.
func testHostile(t *testing.T, app front) {
	port := freePorts(t, 1)[0]
	start(t, fmt.Sprintf("http://:%d {\nbind 127.0.0.1\n%s}\n", port, app.directive("workers 1", "env UNCAUGHT 1")), withGlobal("servers {\nmax_header_size 1MB\n}"))
	address := fmt.Sprintf("127.0.0.1:%d", port)
	pid, _ := worker(t, "http://"+address)

	const host = "Host: example.com\r\n"
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\n" + host + "\r\n" }
	header := func(lines string) string { return "GET / HTTP/1.1\r\n" + host + lines + "\r\n" }
	hosted := func(host string) string { return "GET /path HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	form := func(kind, body string) string {
		return fmt.Sprintf("POST / HTTP/1.1\r\n%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", host, kind, len(body), body)
	}
	const urlencoded = "application/x-www-form-urlencoded"

	for _, c := range []struct {
		name, request string
		status        int
		saw           func(seen) bool // of an accepted request; nil: anything
	}{
		// Hosts. PHP's parse_url refuses some of them, and the packages throw.
		{"a name", hosted("example.com"), 200, func(s seen) bool { return s.URI == "http://example.com/path" }},
		{"a name and a port", hosted("example.com:8080"), 200, func(s seen) bool { return s.URI == "http://example.com:8080/path" }},
		{"an IPv6 address", hosted("[::1]:81"), 200, func(s seen) bool { return s.URI == "http://[::1]:81/path" }},
		{"a port beyond 65535", hosted("foo:99999"), 400, nil},
		{"a port of letters", hosted("a:b"), 400, nil},
		{"port 0", hosted("a:0"), 400, nil},
		{"no port behind the colon", hosted("a:"), 400, nil},
		{"two ports", hosted("a:1:2"), 400, nil},
		{"an empty host", hosted(""), 400, nil},
		{"only a port", hosted(":80"), 400, nil},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400, nil},
		{"half an address", hosted("[::1"), 400, nil},
		{"no address in brackets", hosted("[foo]"), 400, nil},
		{"an address and more", hosted("[::1]x"), 400, nil},
		{"a space", hosted("a b"), 400, nil},
		{"a tab", hosted("a\tb"), 400, nil},
		{"raw bytes", hosted("caf\xe9\xff"), 400, nil},
		{"UTF-8", hosted("café.example"), 400, nil},
		{"a user", hosted("user:pass@example.com"), 400, nil},
		{"a path in the host", hosted("example.com/evil"), 400, nil},
		{"a query in the host", hosted("example.com?evil"), 400, nil},
		{"a fragment in the host", hosted("example.com#evil"), 400, nil},
		{"a backslash", hosted(`example.com\evil`), 400, nil},
		{"markup", hosted("<script>"), 400, nil},
		{"%00 in the host", hosted("example%00.com"), 400, nil},
		{"a long host", hosted(strings.Repeat("a", 300)), 400, nil},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", 400, nil},
		{"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 200, func(s seen) bool { return s.URI == "http://"+address+"/" && s.Protocol == "1.0" }},

		// Targets.
		{"a NUL in the path", get("/a\x00b"), 400, nil},
		{"%00 in the path", get("/a%00b"), 400, nil},
		{"%00 alone", get("/%00"), 400, nil},
		{"%00 in the query", get("/?a=%00"), 200, func(s seen) bool { return string(s.Query) == `{"a":"\u0000"}` }},
		{"raw bytes in the path", get("/caf\xe9/\xff\xfe"), 200, func(s seen) bool { return s.Path == "/caf%E9/%FF%FE" }},
		{"raw bytes in the query", get("/?a=\xe9&\xff=b"), 200, func(s seen) bool { return string(s.Query) == `{"a":"hex:e9","hex:ff":"b"}` }},
		{"half an escape in the path", get("/%"), 400, nil},
		{"a wrong escape in the path", get("/%zz"), 400, nil},
		{"a wrong escape in the query", get("/?a=%zz&b=%"), 200, func(s seen) bool { return string(s.Query) == `{"a":"%zz","b":"%"}` }},
		{"a space in the target", get("/a b"), 400, nil},
		{"a control character in the query", get("/?a=\x01"), 400, nil},
		{"CR and LF, escaped", get("/a%0d%0ab?c=%0d%0a"), 200, func(s seen) bool { return s.Path == "/a%0d%0ab" || s.Path == "/a%0D%0Ab" }},
		{"two slashes", get("//evil.example/x"), 200, func(s seen) bool { return s.URI == "http://example.com//evil.example/x" }},
		{"three slashes and a port", get("///x:99999/"), 200, func(s seen) bool { return s.URI == "http://example.com///x:99999/" }},
		{"a colon first", get("/:80"), 200, func(s seen) bool { return s.URI == "http://example.com/:80" }},
		{"a path like an authority", get("/@evil.example:99999/"), 200, nil},
		{"dots", get("/a/../../etc/passwd"), 200, func(s seen) bool { return s.Path == "/a/../../etc/passwd" }},
		{"markup and quotes", get("/<>\"'`{}|^[]\\"), 200, nil},
		{"a fragment", get("/a#b"), 200, nil},
		{"two question marks", get("/a?b?c=d#e"), 200, nil},
		{"a query with 2000 fields", get("/?" + strings.Repeat("a[]=1&", 2000)), 200, nil},
		{"a query nested 1000 deep", get("/?a" + strings.Repeat("[b]", 1000) + "=1"), 200, nil},
		{"an absolute target", get("http://other.example/x?y=z"), 200, func(s seen) bool { return s.URI == "http://other.example/x?y=z" }},
		{"an absolute target with a bad port", get("http://other.example:99999/"), 400, nil},
		{"an absolute target with another scheme", get("ftp://other.example/x"), 200, func(s seen) bool { return s.URI == "http://other.example/x" }},
		{"an absolute target with a user", get("http://a:b@other.example/"), 200, func(s seen) bool { return s.URI == "http://other.example/" }},
		{"an absolute target without a host", get("http:///x"), 200, func(s seen) bool { return s.URI == "http://example.com/x" }},
		{"an opaque target", get("mailto:a@b.example"), 200, func(s seen) bool { return s.URI == "http://example.com/" }},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 200, nil},
		{"GET *", get("*"), 200, func(s seen) bool { return s.URI == "http://example.com/" }},
		{"a relative target", get("path"), 400, nil},
		{"a path of 100 KB", get("/" + strings.Repeat("a", 100_000)), 200, func(s seen) bool { return len(s.Path) == 100_001 }},
		{"a query of 500 KB", get("/?a=" + strings.Repeat("%41", 170_000)), 200, func(s seen) bool { return len(s.Query) > 170_000 }},
		{"a target of 2 MB", get("/" + strings.Repeat("a", 2_000_000)), 431, nil},

		// Headers.
		{"raw bytes in a value", header("X-Raw: \xe9\xff\x80\r\n"), 200, func(s seen) bool { return s.Headers["x-raw"][0] == "éÿ\u0080" }},
		{"raw bytes in a name", header("X-\xe9: 1\r\n"), 400, nil},
		{"a NUL in a value", header("X-Nul: a\x00b\r\n"), 400, nil},
		{"a control character in a value", header("X-Bad: a\x01b\r\n"), 400, nil},
		{"a bare CR in a value", header("X-Bad: a\rb\r\n"), 400, nil},
		{"a space in a name", header("X Bad: 1\r\n"), 400, nil},
		{"a space before the colon", header("X-Bad : 1\r\n"), 400, nil},
		{"no name", header(": 1\r\n"), 400, nil},
		{"no colon", header("nonsense\r\n"), 400, nil},
		{"a number for a name", header("0: zero\r\n123: number\r\n-5: minus\r\n"), 200, nil},
		{"httpoxy", header("Proxy: http://evil.example/\r\nPROXY: x\r\n"), 200, func(s seen) bool { return s.Headers["proxy"] == nil }},
		{"underscores", header("X_Forwarded_For: 6.6.6.6\r\nContent_Length: 5\r\nX.Dot: 1\r\n"), 200, func(s seen) bool {
			return s.Headers["x_forwarded_for"] == nil && s.Headers["content_length"] == nil && s.Headers["x.dot"] == nil
		}},
		{"every sign that a name may have", header("!#$%&'*+-^`|~0aZ: 1\r\n"), 200, nil},
		{"an empty value", header("X-Empty:\r\n"), 200, nil},
		{"1000 headers", header(strings.Repeat("X-Many: 1\r\n", 1000)), 200, func(s seen) bool { return len(s.Headers["x-many"]) == 1000 }},
		{"headers of 2 MB", header("X-Big: " + strings.Repeat("a", 2_000_000) + "\r\n"), 431, nil},
		{"forwarded by nobody we trust", header("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n"), 200, func(s seen) bool {
			return s.Remote == "127.0.0.1" && s.URI == "http://example.com/"
		}},
		{"an upgrade", header("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"), 200, nil},

		// Cookies.
		{"raw bytes in cookies", header("Cookie: a=\xe9; \xff=\x80; b=%FF\r\n"), 200, func(s seen) bool { return len(s.Cookies) == 3 }},
		{"cookies without sense", header("Cookie: =x; ;;; a; ==; =\r\nCookie: 0=zero; 12=twelve; a[b]=c\r\n"), 200, func(s seen) bool { return s.Cookies["0"] == "zero" }},
		{"2000 cookies", header("Cookie: " + cookies(2000) + "\r\n"), 200, func(s seen) bool { return len(s.Cookies) == 1000 }},

		// Methods and framing.
		{"a method of one's own", "bReW / HTTP/1.1\r\n" + host + "\r\n", 200, func(s seen) bool { return s.Method == "bReW" }},
		{"a method that is none", "G(T / HTTP/1.1\r\n" + host + "\r\n", 400, nil},
		{"two lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, nil},
		{"a negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400, nil},
		{"an unknown coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501, nil},
		{"a chunk that is none", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, nil},

		// Bodies.
		{"multipart without a boundary", form("multipart/form-data", "--x--"), 400, nil},
		{"multipart with another boundary", form("multipart/form-data; boundary=x", "--y\r\n\r\n--y--\r\n"), 400, nil},
		{"multipart without an end", form("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1"), 400, nil},
		{"1001 fields", form(urlencoded, strings.Repeat("a=1&", 1001)), 400, nil},
		{"fields nested too deep", form(urlencoded, "a"+strings.Repeat("[b]", 100)+"=1"), 400, nil},
		{"raw bytes in a form", form(urlencoded, "a=\xff&%FF=%fe&b=%00"), 200, func(s seen) bool {
			return string(s.Parsed) == "{\"a\":\"ÿ\",\"ÿ\":\"þ\",\"b\":\"\\u0000\"}"
		}},
		{"a form that is none", form(urlencoded, "\x00\x01&&&===[[[]]]"), 200, nil},
		{"a content type that is none", form("\";,=/", "body"), 200, func(s seen) bool { return s.Body == "body" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := overSocket(t, address, c.request)
			if status != c.status {
				t.Errorf("status %d, want %d; %.300s", status, c.status, body)
			} else if c.saw != nil {
				if !c.saw(parseSeen(t, body)) {
					t.Errorf("the application saw %.1000s", body)
				}
			}
			if now, _ := worker(t, "http://"+address); now != pid {
				t.Errorf("it cost a worker: %d is now %d", pid, now)
				pid = now
			}
		})
	}
}

func cookies(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "c%d=%d; ", i, i)
	}
	return b.String()
}

// overSocket writes the bytes to a new connection and reads one response.
func overSocket(t *testing.T, address, text string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// A server that has read enough answers before everything is written.
	go io.WriteString(conn, text)
	method, _, _ := strings.Cut(text, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("reading the response: %v", err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the body: %v", err)
	}
	return res.StatusCode, string(content)
}
