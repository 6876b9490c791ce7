package exchange

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http/httpguts"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/form"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// oracle is a PHP process that knows what a worker would take.
type oracle struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	cmd := exec.Command("php", "-n", "-d", "memory_limit=-1", "testdata/accept.php")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal("this test needs php: ", err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return &oracle{in: in, out: bufio.NewReader(out)}
}

func (o *oracle) verdict(t *testing.T, context, body []byte) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	message := binary.BigEndian.AppendUint32(nil, uint32(len(context)))
	message = append(message, context...)
	message = binary.BigEndian.AppendUint32(message, uint32(len(body)))
	message = append(message, body...)
	if _, err := o.in.Write(message); err != nil {
		t.Fatal(err)
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// arrived reads a request as net/http's server would let it in, nil if it would not.
func arrived(text string) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return nil
	}
	if len(r.Header["Host"]) > 1 || r.Host != "" && !httpguts.ValidHostHeader(r.Host) {
		return nil
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return nil
			}
		}
	}
	return r
}

// FuzzRequest looks for a request that gets past us and that a worker would not
// survive.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/a?b=c", "example.com", "X-Fuzz", "v", "", "", false)
	f.Add("POST", "//evil:99999/%00", "[::1]:80", "X-Forwarded-Host", "a, b:1", "application/x-www-form-urlencoded", "a[b][]=\xff&c", true)
	f.Add("PUT", "http://h:1/?%zz\xff", "a_b", "X-Forwarded-Proto", "https", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"f[x]\"; filename=\"\xff\"\r\n\r\nx\r\n--b--", true)
	f.Add("OPTIONS", "*", "h", "Cookie", "a=\x80; 0=1; a[b]=%ff", "text/plain", "x", false)
	o, php := testOptions(f), newOracle(f)
	o.MaxBody, o.BodyMemory = 1<<20, 1<<16
	f.Fuzz(func(t *testing.T, method, target, host, name, value, contentType, body string, trusted bool) {
		r := arrived(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + name + ": " + value + "\r\nContent-Type: " + contentType + "\r\n\r\n")
		if r == nil {
			return
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		info := Info{IP: value, Trusted: trusted, Attributes: []httpctx.Pair{{Name: "copy", Value: value}, {Name: "uri", Value: r.RequestURI}}}
		q, err := Read(httptest.NewRecorder(), r, info, o)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		defer q.Close()
		conn := goridge.NewConn(io.NopCloser(strings.NewReader(string(goridge.PlainRequest(q.Frame)))), nil, goridge.Options{})
		var frame goridge.Frame
		if q.Body == nil {
			if err := conn.ReadFrame(&frame); err != nil {
				t.Fatalf("the frame: %v", err)
			}
			defer frame.Release()
			if verdict := php.verdict(t, frame.Context(), frame.Body()); verdict != "ok" {
				t.Fatalf("PHP: %s\n%s", verdict, frame.Context())
			}
		}
	})
}

// checkRefusal sees to it that a request can only be refused for what the client has sent.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	_, bad := errors.AsType[BadRequestError](err)
	_, broken := errors.AsType[BodyError](err)
	if !bad && !broken && !errors.Is(err, ErrBodyTooLarge) && !errors.Is(err, form.ErrTooLarge) && !errors.Is(err, form.ErrTooManyFiles) {
		t.Fatalf("refused with %v", err)
	}
}

// FuzzHeaderWork looks for headers for which more of them cost more than their number says.
// It counts allocations, as time says little on a busy machine.
func FuzzHeaderWork(f *testing.F) {
	f.Add("x-header-", "v")
	f.Add("X", "a\\nb")
	f.Add(`trailer":["x-b"],"x-`, "b, x-c")
	f.Add(`set-cookie":["a=b"],"`, `","`)
	f.Fuzz(func(t *testing.T, name, value string) {
		if len(name)+len(value) > 400 { // the size has a bound, too
			return
		}
		few, many := headerWork(t, 50, name, value), headerWork(t, 500, name, value)
		if many > 12*few+100 {
			t.Errorf("50 headers take %v allocations, 500 take %v", few, many)
		}
	})
}

// FuzzResponse looks for an answer of a worker that breaks the response out of
// its form.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"status":200,"headers":{"Content-Type":["text/html"],"Content-Length":["3"],"Set-Cookie":["a","b"]}}`), "body", "GET")
	f.Add([]byte(`{"status":204,"headers":{"Trailer":["X-A, X-B"],"X-A":["1\r\nX-Evil: 2"],"Transfer-Encoding":["chunked"]}}`), "body", "HEAD")
	f.Add([]byte(manyHeaders(httpctx.MaxHeaders+1, "x-", "")), "body", "GET")
	f.Add([]byte(`{"status":99999,"headers":{"":[""],"a b":["c"]}}`), "", "POST")
	o := testOptions(f)
	f.Fuzz(func(t *testing.T, head []byte, body, method string) {
		a := answerOf(t, string(head), body)
		defer a.Frame.Release()
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method = method
		if err := Write(w, r, a, o); err != nil {
			if _, ok := errors.AsType[*AnswerError](err); !ok || w.Body.Len() > 0 {
				t.Fatalf("%v, with %d bytes of a body", err, w.Body.Len())
			}
			return
		}
		var want httpctx.Response
		if err := want.DecodeJSON(head); err != nil || want.Status != w.Code || want.Status < 200 || want.Status > 599 {
			t.Fatalf("status %d of %d, %v", w.Code, want.Status, err)
		}
		for name, values := range w.Header() {
			name = strings.TrimPrefix(name, http.TrailerPrefix)
			if hopByHop(name) || name == "Trailer" || !httpguts.ValidHeaderFieldName(name) {
				t.Errorf("the header %q", name)
			}
			for _, v := range values {
				if !httpguts.ValidHeaderFieldValue(v) {
					t.Errorf("the header %s: %q", name, v)
				}
			}
		}
		bodiless := method == http.MethodHead || want.Status == 204 || want.Status == 304
		if sent := w.Body.String(); bodiless && sent != "" || !bodiless && sent != body {
			t.Errorf("the body %q became %q", body, sent)
		}
		if length := w.Header()["Content-Length"]; len(length) > 1 || !bodiless && len(length) == 1 && length[0] != strconv.Itoa(len(body)) {
			t.Errorf("%d bytes have the length %q", len(body), length)
		}
	})
}
