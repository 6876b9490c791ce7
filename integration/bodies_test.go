package integration

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dialed is a bare connection to a site.
type dialed struct {
	net.Conn
	*bufio.Reader
	t *testing.T
}

func dialSite(t *testing.T, url string) *dialed {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &dialed{conn, bufio.NewReader(conn), t}
}

func (d *dialed) Read(p []byte) (int, error) { return d.Reader.Read(p) }

func (d *dialed) say(format string, args ...any) {
	d.t.Helper()
	if _, err := fmt.Fprintf(d.Conn, format, args...); err != nil {
		d.t.Fatal(err)
	}
}

// response reads one, and its body.
func (d *dialed) response(method string) (*http.Response, string) {
	d.t.Helper()
	res, err := http.ReadResponse(d.Reader, &http.Request{Method: method})
	if err != nil {
		d.t.Fatal(err)
	}
	return res, readAll(d.t, res)
}

func TestBodiesInChunksArriveWhole(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1", "max_body 1KB")
	host := strings.TrimPrefix(url, "http://")
	chunked := "Host: " + host + "\r\nTransfer-Encoding: chunked\r\n"
	for _, c := range []struct {
		name, text string
		status     int
		body       string
		parsed     string
	}{
		{"chunks", "POST / HTTP/1.1\r\n" + chunked + "\r\n3\r\nabc\r\n4;ext=\"x\"\r\ndefg\r\n0\r\n\r\n", 200, "abcdefg", "null"},
		{"no chunk", "POST / HTTP/1.1\r\n" + chunked + "\r\n0\r\n\r\n", 200, "", "null"},
		{"trailers", "POST / HTTP/1.1\r\n" + chunked + "Trailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Evil: 2\r\n\r\n", 200, "abc", "null"},
		{"a form", "PUT / HTTP/1.1\r\n" + chunked + "Content-Type: application/x-www-form-urlencoded\r\n\r\n3\r\na=1\r\n2\r\n&b\r\n0\r\n\r\n", 200, "", `{"a":"1","b":""}`},
		{"a GET with a body", "GET / HTTP/1.1\r\n" + chunked + "\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", "null"},
		{"a GET with a form is left as it is", "GET / HTTP/1.1\r\n" + chunked + "Content-Type: application/x-www-form-urlencoded\r\n\r\n3\r\na=1\r\n0\r\n\r\n", 200, "a=1", "null"},
		{"exactly max_body", "POST / HTTP/1.1\r\n" + chunked + "\r\n3e8\r\n" + strings.Repeat("x", 1000) + "\r\n0\r\n\r\n", 200, strings.Repeat("x", 1000), "null"},
		{"beyond max_body", "POST / HTTP/1.1\r\n" + chunked + "\r\n3e9\r\n" + strings.Repeat("x", 1001) + "\r\n0\r\n\r\n", 413, "", ""},
		{"beyond max_body, endless", "POST / HTTP/1.1\r\n" + chunked + "\r\n3e9\r\n" + strings.Repeat("x", 1001), 413, "", ""},
		{"a length beyond max_body, nothing sent", "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 1001\r\n\r\n", 413, "", ""},
		{"an empty urlencoded form", "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n", 200, "", "[]"},
		{"an empty multipart form", "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 0\r\n\r\n", 200, "", "[]"},
		{"a multipart form without parts", "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\n\r\n--b--", 200, "", "[]"},
		{"no body at all", "POST / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", 200, "", "null"},
		{"a chunk cut off", "POST / HTTP/1.1\r\n" + chunked + "\r\n5\r\nabc", 499, "", ""},
	} {
		d := dialSite(t, url)
		d.say("%s", c.text)
		if strings.HasSuffix(c.name, "cut off") {
			if err := d.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		method, _, _ := strings.Cut(c.text, " ")
		res, body := d.response(method)
		if res.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d; %s", c.name, res.StatusCode, c.status, body)
			continue
		}
		if c.status != 200 {
			continue
		}
		got := parseSeen(t, body)
		if got.Body != c.body || string(got.Parsed) != c.parsed {
			t.Errorf("%s: body %q, parsed %s", c.name, got.Body, got.Parsed)
		}
		if got.Headers["x-sum"] != nil || got.Headers["x-evil"] != nil {
			t.Errorf("%s: a trailer became a header", c.name)
		}
	}
}

func TestExpectContinueIsAnsweredBeforeTheBodyComes(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1", "max_body 1KB")
	host := strings.TrimPrefix(url, "http://")
	ask := func(length int) *dialed {
		d := dialSite(t, url)
		d.say("POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", host, length)
		return d
	}
	d := ask(5)
	line, err := d.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("first came %q, %v", line, err)
	}
	if _, err := d.ReadString('\n'); err != nil { // the empty line
		t.Fatal(err)
	}
	d.say("later")
	if res, body := d.response("POST"); res.StatusCode != 200 || parseSeen(t, body).Body != "later" {
		t.Errorf("status %d, %s", res.StatusCode, body)
	}
	// What is announced to be too large is refused without being asked for.
	if res, _ := ask(1001).response("POST"); res.StatusCode != 413 {
		t.Errorf("status %d, want 413 and no 100", res.StatusCode)
	}
	// And so is what no worker may see.
	d = dialSite(t, url)
	d.say("POST /%%00 HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", host)
	if res, _ := d.response("POST"); res.StatusCode != 400 {
		t.Errorf("status %d, want 400 and no 100", res.StatusCode)
	}
}

func TestPackedBodiesAreLeftAlone(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, `{"a":1}`); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := request(t, "POST", url+"/", bytes.NewReader(packed.Bytes()))
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Content-Type", "application/json")
	got := tell(t, r)
	if got.SHA1 != sum(packed.String()) || got.Headers["content-encoding"][0] != "gzip" {
		t.Errorf("%d bytes arrived, want %d; %q", got.Length, packed.Len(), got.Headers["content-encoding"])
	}
}

func TestNoWorkerIsTakenWhileABodyArrives(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1")
	host := strings.TrimPrefix(url, "http://")
	slow := make([]*dialed, 20)
	for i := range slow {
		slow[i] = dialSite(t, url)
		slow[i].say("POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\n\r\nhalf.", host)
	}
	pid, _ := worker(t, url)
	for _, d := range slow {
		d.say("whole")
		if res, body := d.response("POST"); res.StatusCode != 200 || parseSeen(t, body).Body != "half.whole" || parseSeen(t, body).PID != pid {
			t.Errorf("status %d, %s", res.StatusCode, body)
		}
	}
}

// rawly writes the bytes to a new connection and returns the first response.
func rawly(t *testing.T, url, text string) (status int, body string) {
	t.Helper()
	d := dialSite(t, url)
	go io.WriteString(d.Conn, text) // a server that has read enough answers before
	method, _, _ := strings.Cut(text, " ")
	res, body := d.response(method)
	return res.StatusCode, body
}
