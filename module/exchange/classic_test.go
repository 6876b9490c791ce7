package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/classic"
)

// params takes the records of a request apart: the one that begins it, its parameters, and the empty record behind them.
func params(t *testing.T, frame []byte) map[string]string {
	t.Helper()
	record := func(want byte) []byte {
		t.Helper()
		if len(frame) < 8 || frame[0] != 1 || frame[1] != want {
			t.Fatalf("no record of type %d: % x", want, frame[:min(len(frame), 16)])
		}
		size := int(binary.BigEndian.Uint16(frame[4:]))
		content := frame[8 : 8+size]
		frame = frame[8+size+int(frame[6]):]
		return content
	}
	record(1)
	var all []byte
	for {
		content := record(4)
		if len(content) == 0 {
			break
		}
		all = append(all, content...)
	}
	if len(frame) != 0 {
		t.Fatalf("%d bytes behind the parameters", len(frame))
	}
	length := func() int {
		n := int(all[0])
		if n >= 1<<7 {
			n = int(binary.BigEndian.Uint32(all) &^ (1 << 31))
			all = all[3:]
		}
		all = all[1:]
		return n
	}
	found := make(map[string]string)
	for len(all) > 0 {
		name, value := length(), length()
		found[string(all[:name])] = string(all[name : name+value])
		all = all[name+value:]
	}
	return found
}

func classicOptions(t *testing.T) *Options {
	o := testOptions(t)
	o.Codec, o.CGI, o.Software = nil, true, "Caddy/v2"
	return o
}

var someScript = classic.Script{Root: "/srv", File: "/srv/a.php", Name: "/a.php", Info: "/info"}

// incoming is a request as net/http has it, to 192.0.2.1:8080 from 198.51.100.7:4711.
func incoming(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.RemoteAddr = "198.51.100.7:4711"
	local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8080}
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
}

func readClassic(t *testing.T, r *http.Request, info Info, o *Options) (*Request, map[string]string) {
	t.Helper()
	q, err := ReadClassic(httptest.NewRecorder(), r, info, someScript, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q, params(t, q.Frame)
}

func TestWhatPHPIsToldOfWhoAsksWhom(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request)
		info   Info
		want   map[string]string // "-": not told
	}{
		"a plain request": {nil, Info{URI: "/a.php/info?q=1"}, map[string]string{
			"REQUEST_SCHEME": "http", "HTTPS": "-", "HTTP_HOST": "example.com", "SERVER_NAME": "example.com", "SERVER_ADDR": "192.0.2.1", "SERVER_PORT": "8080",
			"REMOTE_ADDR": "198.51.100.7", "REMOTE_PORT": "4711", "REMOTE_USER": "", "REQUEST_URI": "/a.php/info?q=1", "SCRIPT_FILENAME": "/srv/a.php", "PATH_INFO": "/info",
			"SERVER_SOFTWARE": "Caddy/v2", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_LENGTH": "", "HTTP_CONTENT_LENGTH": "-",
		}},
		"TLS": {func(r *http.Request) { r.TLS = new(tls.ConnectionState); r.Host = "Example.COM:8443" }, Info{}, map[string]string{
			"REQUEST_SCHEME": "https", "HTTPS": "on", "HTTP_HOST": "Example.COM:8443", "SERVER_NAME": "example.com", "SERVER_PORT": "8080",
		}},
		"a trusted proxy": {func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-Host", "evil.example")
		}, Info{IP: "203.0.113.9", Trusted: true}, map[string]string{
			"REQUEST_SCHEME": "https", "HTTPS": "on", "SERVER_PORT": "443", "REMOTE_ADDR": "203.0.113.9", "REMOTE_PORT": "", "SERVER_NAME": "example.com", "HTTP_HOST": "example.com",
			"HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_X_FORWARDED_PROTO": "https",
		}},
		"a trusted proxy on a port": {func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https"); r.Host = "example.com:444" }, Info{Trusted: true}, map[string]string{"SERVER_PORT": "444"}},
		"a proxy that has ended no TLS": {func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", "http")
			r.TLS = new(tls.ConnectionState)
		}, Info{Trusted: true}, map[string]string{"REQUEST_SCHEME": "http", "HTTPS": "-", "SERVER_PORT": "80"}},
		"nobody's proxy": {func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, Info{IP: "198.51.100.7"}, map[string]string{
			"REQUEST_SCHEME": "http", "HTTPS": "-", "SERVER_PORT": "8080", "REMOTE_PORT": "4711",
		}},
		"IPv6": {func(r *http.Request) { r.RemoteAddr = "[fe80::1%eth0]:99"; r.Host = "[::1]:8080" }, Info{}, map[string]string{
			"REMOTE_ADDR": "fe80::1", "REMOTE_PORT": "99", "SERVER_NAME": "[::1]",
		}},
		"HTTP/1.0 without a host": {func(r *http.Request) { r.Host = "" }, Info{}, map[string]string{"SERVER_NAME": "192.0.2.1", "HTTP_HOST": "-"}},
		"somebody who is known":   {nil, Info{User: "ann"}, map[string]string{"REMOTE_USER": "ann"}},
		"an absolute target":      {nil, Info{URI: "http://example.com/x?y"}, map[string]string{"REQUEST_URI": "/a%20b?q=1"}},
		"an asterisk":             {func(r *http.Request) { r.URL = &url.URL{Path: "*"} }, Info{URI: "*"}, map[string]string{"REQUEST_URI": "/"}},
		"odd bytes of a target":   {nil, Info{URI: "/a|b\"?<x>"}, map[string]string{"REQUEST_URI": "/a|b\"?<x>", "QUERY_STRING": "q=1"}},
		"a rewritten URL":         {nil, Info{Seen: &url.URL{Path: "/new", ForceQuery: true}}, map[string]string{"REQUEST_URI": "/new?"}},
	} {
		r := incoming(http.MethodGet, "http://example.com/a%20b?q=1", nil)
		if c.change != nil {
			c.change(r)
		}
		_, got := readClassic(t, r, c.info, classicOptions(t))
		for param, want := range c.want {
			if value, told := got[param]; told != (want != "-") || told && value != want {
				t.Errorf("%s: %s is %q (told: %v), want %q", name, param, value, told, want)
			}
		}
	}
}

func TestABodyReachesAScriptAsItCame(t *testing.T) {
	form := "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n"
	for name, c := range map[string]struct {
		method, body string
		chunked      bool
		onDisk       bool
	}{
		"a form": {"POST", form, false, false}, "of any method": {"DELETE", form, false, false}, "of GET": {"GET", "x", false, false}, "of OPTIONS": {"OPTIONS", "x", false, false},
		"chunked": {"PUT", form, true, false}, "large": {"POST", strings.Repeat("0123456789", bodyMemory/10+1), false, true}, "large and chunked": {"POST", strings.Repeat("0123456789", bodyMemory/10+1), true, true},
	} {
		r := incoming(c.method, "/", strings.NewReader(c.body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		r.Header.Set("Content-Length", "9")
		if c.chunked {
			r.ContentLength = -1
			r.Header.Del("Content-Length")
		}
		o := classicOptions(t)
		q, told := readClassic(t, r, Info{}, o)
		for range 2 { // every attempt reads it from its start
			if _, err := q.Body.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(q.Body); err != nil || string(got) != c.body || q.BodySize != int64(len(got)) {
				t.Errorf("%s: %d bytes of %d, %v", name, len(got), q.BodySize, err)
			}
		}
		if want := strconv.Itoa(len(c.body)); told["CONTENT_LENGTH"] != want || !c.chunked && told["HTTP_CONTENT_LENGTH"] != want || told["CONTENT_TYPE"] != "multipart/form-data; boundary=x" {
			t.Errorf("%s: told %q, %q of %s", name, told["CONTENT_LENGTH"], told["HTTP_CONTENT_LENGTH"], want)
		}
		if onDisk := q.body.file != nil; onDisk != c.onDisk {
			t.Errorf("%s: in a file: %v", name, onDisk)
		}
		q.Close()
		if held := o.Memory.Budget.Held(); held != 0 {
			t.Errorf("%s: %d bytes are still booked", name, held)
		}
	}
}

func TestAnEmptyBodyIsNone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request)
		length string
	}{
		"nothing":       {func(*http.Request) {}, ""},
		"a length of 0": {func(r *http.Request) { r.Header.Set("Content-Length", "0") }, "0"},
		"no chunks": {func(r *http.Request) {
			r.TransferEncoding, r.ContentLength, r.Body = []string{"chunked"}, -1, io.NopCloser(strings.NewReader(""))
		}, "0"},
		"GET of HTTP/3": {func(r *http.Request) { r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader("")) }, ""},
	} {
		r := incoming(http.MethodPost, "/", http.NoBody)
		c.change(r)
		q, told := readClassic(t, r, Info{}, classicOptions(t))
		if q.Body != nil || q.BodySize != 0 || told["CONTENT_LENGTH"] != c.length {
			t.Errorf("%s: %v, %d, %q", name, q.Body, q.BodySize, told["CONTENT_LENGTH"])
		}
	}
}

func TestARequestThatNoScriptMustSeeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request)
		is     func(error) bool
	}{
		"a host that is none":    {func(r *http.Request) { r.Host = "a b" }, isBadRequest},
		"a method that is none":  {func(r *http.Request) { r.Method = "G T" }, isBadRequest},
		"a body beyond max_body": {func(r *http.Request) { r.ContentLength = 1 << 40 }, func(err error) bool { return errors.Is(err, ErrBodyTooLarge) }},
		"more than was announced": {func(r *http.Request) {
			r.ContentLength = -1
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", 1001)))
		},
			func(err error) bool { return errors.Is(err, ErrBodyTooLarge) }},
		"a cookie that FastCGI cannot carry": {func(r *http.Request) { r.Header.Set("Cookie", strings.Repeat("x", 1<<16)) }, isBadRequest},
	} {
		o := classicOptions(t)
		o.MaxBody = 1000
		r := incoming(http.MethodPost, "/", strings.NewReader("x"))
		c.change(r)
		if _, err := ReadClassic(httptest.NewRecorder(), r, Info{}, someScript, o); !c.is(err) {
			t.Errorf("%s: %v", name, err)
		}
		if held := o.Memory.Budget.Held(); held != 0 {
			t.Errorf("%s: %d bytes are still booked", name, held)
		}
	}
}

func isBadRequest(err error) bool {
	_, is := errors.AsType[BadRequestError](err)
	return is
}

// PHP may answer before it has read all of the body.
func TestABodyIsLentUntilTheAnswerIsWhole(t *testing.T) {
	for _, size := range []int{10, bodyMemory + 1} {
		r := incoming(http.MethodPost, "/", bytes.NewReader(make([]byte, size)))
		q, _ := readClassic(t, r, Info{}, classicOptions(t))
		body, buf := q.Body, make([]byte, 5)
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		q.Sent(false)
		if n, err := body.Read(buf); n != 5 || err != nil {
			t.Errorf("%d bytes, while the answer comes: %d, %v", size, n, err)
		}
		q.Sent(true)
		if n, err := body.Read(buf); n != 0 || err == nil {
			t.Errorf("%d bytes, when all is over: %d, %v", size, n, err)
		}
		if _, err := body.Seek(0, io.SeekStart); err == nil {
			t.Error("it can be read again when all is over")
		}
	}
}

func TestTheAnswerOfAScriptIsPassedOn(t *testing.T) {
	for name, c := range map[string]struct {
		method, head, body string
		status             int
		header             http.Header
		sent               string
	}{
		"a page": {"GET", "X-Powered-By: PHP\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-type: text/html; charset=UTF-8", "hello", 200,
			http.Header{"X-Powered-By": {"PHP"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"text/html; charset=UTF-8"}, "Content-Length": {"5"}}, "hello"},
		"an error":      {"GET", "Status: 404 Not Found\r\nContent-type: text/plain", "no", 404, http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"2"}}, "no"},
		"a redirection": {"GET", "Location: /x", "", 302, http.Header{"Location": {"/x"}, "Content-Length": {"0"}}, ""},
		"HEAD":          {"HEAD", "Content-Length: 7\r\nContent-Type: a/b", "", 200, http.Header{"Content-Type": {"a/b"}, "Content-Length": {"7"}}, ""},
		"204":           {"GET", "Status: 204\r\nX: y", "text", 204, http.Header{"X": {"y"}, "Content-Type": defaultContentType}, ""},
		"304":           {"GET", "Status: 304\r\nEtag: y", "", 304, http.Header{"Etag": {"y"}}, ""},
		"what HTTP forbids": {"GET", "Bad Name: x\r\nX: a\x01b\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nY: ok\r\nContent-Type: a/b", "x", 200,
			http.Header{"Y": {"ok"}, "Content-Type": {"a/b"}, "Content-Length": {"1"}}, "x"},
		"a wrong length": {"GET", "Content-Length: 3\r\nContent-Type: a/b", "short", 200, http.Header{"Content-Type": {"a/b"}, "Content-Length": {"5"}}, "short"},
	} {
		w := httptest.NewRecorder()
		if err := answered(t, classicOptions(t), w, c.method, c.head, c.body); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w.Code != c.status || w.Body.String() != c.sent {
			t.Errorf("%s: %d, %q", name, w.Code, w.Body)
		}
		for header, want := range c.header {
			if got := w.Header()[header]; strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if len(w.Header()) != len(c.header) {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
}

func TestAnAnswerOfAScriptThatIsNoneIsRefused(t *testing.T) {
	for name, head := range map[string]string{"nothing": "", "status 0": "Status: x", "status 99": "Status: 99", "status 600": "Status: 600", "103 and nothing": "Status: 103"} {
		w := httptest.NewRecorder()
		err := answered(t, classicOptions(t), w, "GET", head, "body")
		if _, bad := errors.AsType[*AnswerError](err); !bad || w.Body.Len() > 0 {
			t.Errorf("%s: %v, %q", name, err, w.Body)
		}
	}
}

func TestAScriptMayHandAFileToTheServer(t *testing.T) {
	o := classicOptions(t)
	root := t.TempDir()
	if err := os.WriteFile(root+"/f.txt", []byte("the file"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Sendfile = []string{root}
	w := httptest.NewRecorder()
	if err := answered(t, o, w, "GET", "X-Sendfile: "+root+"/f.txt\r\nContent-Type: text/x", ""); err != nil || w.Body.String() != "the file" || w.Header().Get("X-Sendfile") != "" {
		t.Errorf("%v, %q, %v", err, w.Body, w.Header())
	}
}

// A fatal error in a download has both an announced length and status 500, and intercept a page for that.
func TestAnAnswerThatFallsShortMayBeReplacedByAHandlerBeforeUs(t *testing.T) {
	k := &keeper{httptest.NewRecorder(), 0}
	if err := answered(t, classicOptions(t), wholeKeeper{k}, "GET", "Status: 500\r\nContent-Length: 99\r\nContent-Type: a/b", "short"); err != nil || k.status != 500 {
		t.Errorf("status %d: %v", k.status, err)
	}
	if length := k.Header().Get("Content-Length"); length != "" {
		t.Errorf("another answer would have length %s", length)
	}
}
