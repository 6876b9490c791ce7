package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// testAnswerBounds lets the application answer with more than an answer may have. It costs
// that answer and, if the application does not come to an end, its worker.
func testAnswerBounds(t *testing.T, app front) {
	s, url := site(t, "log\n"+app.directive("workers 1", "stop_timeout 1s"))
	able := app.able(t, url)
	pid, _ := worker(t, url)

	t.Run("headers", func(t *testing.T) {
		headers := func(n int) map[string][]string {
			all := make(map[string][]string)
			for i := range n {
				all[fmt.Sprintf("x-many-%d", i)] = []string{"v"}
			}
			return all
		}
		res := send(t, answerRequest(t, url, 200, headers(1000), "body"))
		if body := readAll(t, res); res.StatusCode != 200 || body != "body" || res.Header.Get("X-Many-999") != "v" {
			t.Errorf("1000 headers: status %d, %d of them, %q", res.StatusCode, len(res.Header), body)
		}
		for n, want := range map[int]string{1001: "more than 1000 headers", 20_000: "more than 1000 headers"} {
			if status, body := do(t, answerRequest(t, url, 200, headers(n), "body")); status != 502 || body != "" {
				t.Errorf("%d headers: status %d, %.100q", n, status, body)
			}
			eventually(t, "the log says why", func() bool { return strings.Contains(s.logs.text(), want) })
		}
		large := map[string][]string{"x-large": {strings.Repeat("v", 256<<10)}}
		if status, body := do(t, answerRequest(t, url, 200, large, "body")); status != 502 || body != "" {
			t.Errorf("headers of more than 256 KiB: status %d, %.100q", status, body)
		}
		eventually(t, "the log says why", func() bool { return strings.Contains(s.logs.text(), "more than 256 KiB of headers") })
		if now, _ := worker(t, url); now != pid {
			t.Errorf("it cost worker %d, now %d serves", pid, now)
		}
	})

	if able("stream") {
		t.Run("a stream whose first piece is longer than its length", func(t *testing.T) {
			g := newGate(t)
			g.open("first")
			if status, body := do(t, request(t, "GET", url+"/gated?length=3&gate="+g.path, nil)); status != 502 || body != "" {
				t.Errorf("status %d, %q", status, body)
			}
			eventually(t, "the log says why", func() bool {
				return strings.Contains(s.logs.text(), "the stream is longer than its Content-Length of 3")
			})
			g.open("end")
			if now, _ := worker(t, url); now != pid {
				t.Errorf("it cost worker %d, now %d serves", pid, now)
			}
		})
	}
	if !able("hints") {
		return
	}

	hinted := func(ctx context.Context, query string, hint func()) outcome {
		trace := &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error {
			hint()
			return nil
		}}
		r := request(t, "POST", url+"/many-hints?"+query, nil)
		return <-asking(r.WithContext(httptrace.WithClientTrace(ctx, trace)))
	}

	t.Run("hints", func(t *testing.T) {
		for count, passed := range map[int]int{100: 100, 250: 100, 1000: 100} {
			n := 0
			if res := hinted(t.Context(), fmt.Sprint("count=", count), func() { n++ }); res.err != nil || res.status != 200 || res.body != "hinted" || n != passed {
				t.Errorf("of %d hints %d came, then %+v", count, n, res)
			}
		}
		if warned := len(s.waitRecords("dropped informational answers", 2)); warned != 2 {
			t.Errorf("the log says %d times that hints were dropped, want 2", warned)
		}
	})

	t.Run("hints without end", func(t *testing.T) {
		if res := hinted(t.Context(), "count=2000000000", func() {}); res.err != nil || res.status != 502 || res.body != "" {
			t.Errorf("%+v", res)
		}
		worker(t, url)
	})

	t.Run("hints for nobody", func(t *testing.T) {
		g := newGate(t)
		ctx, leave := context.WithCancel(t.Context())
		g.open("first")
		hinted(ctx, "count=2000000000&gate="+g.path, leave)
		lines := 0
		eventually(t, "the handler ends", func() bool {
			if slices.ContainsFunc(s.logs.records("handled request"), func(record map[string]any) bool { return record["status"] == 499.0 }) {
				return true
			}
			for range 5 { // slowly: the server has to notice, too, that the client has gone
				g.open("next")
			}
			lines += 5
			return lines > 900 // there is another end at 1000
		})
		if lines > 900 {
			t.Errorf("the handler still reads hints after %d", lines)
		}
		worker(t, url)
	})
}

// A page for another status than 200 may be a file, too.
func TestASentFileKeepsTheStatusOfPHP(t *testing.T) {
	t.Parallel()
	top := sendfileTree(t)
	_, url := site(t, loop.directive("workers 1", fmt.Sprintf("sendfile %q", top+"/private")))
	for _, c := range []struct {
		status, want int
		body         string
	}{
		{404, 404, "0123456789"}, {403, 403, "0123456789"}, {503, 503, "0123456789"}, {201, 201, "0123456789"},
		{200, 206, "234"}, {206, 206, "234"}, {204, 204, ""}, {304, 304, ""},
	} {
		for _, header := range []string{"X-Sendfile", "X-Accel-Redirect"} {
			headers := map[string][]string{header: {"report.pdf"}, "ETag": {`"v1"`}, "Content-Length": {"3"}}
			r := answerRequest(t, url, c.status, headers, "")
			r.Header.Set("Range", "bytes=2-4")
			res := send(t, r)
			if body := readAll(t, res); res.StatusCode != c.want || body != c.body || res.Header.Get(header) != "" || res.Header.Get("Etag") != `"v1"` {
				t.Errorf("%s with %d: status %d, %q, %v", header, c.status, res.StatusCode, body, res.Header)
			}
			if c.body != "" && (res.ContentLength != int64(len(c.body)) || res.Header.Get("Content-Type") != "application/pdf") {
				t.Errorf("%s with %d: length %d, type %q", header, c.status, res.ContentLength, res.Header.Get("Content-Type"))
			}
			if c.want != 206 && res.Header.Get("Content-Range") != "" {
				t.Errorf("%s with %d: a range", header, c.status)
			}
		}
	}

	// A condition is about the file, not about the page that tells it is not there.
	r := answerRequest(t, url, 404, map[string][]string{"X-Sendfile": {"report.pdf"}, "ETag": {`"v1"`}}, "")
	r.Header.Set("If-None-Match", `"v1"`)
	if status, body := do(t, r); status != http.StatusNotFound || body != "0123456789" {
		t.Errorf("with a condition: status %d, %q", status, body)
	}
}

func TestAnAccelRedirectMayHaveAQuery(t *testing.T) {
	t.Parallel()
	top := sendfileTree(t)
	writeFile(t, top+"/private/a?b.txt", "with a question mark")
	_, url := site(t, loop.directive("workers 1", fmt.Sprintf("sendfile %q", top+"/private")))
	for _, c := range []struct {
		header, value string
		status        int
		body          string
	}{
		{"X-Accel-Redirect", "/report.pdf?x=1", 200, "0123456789"},
		{"X-Accel-Redirect", "/a%3Fb.txt?x", 200, "with a question mark"},
		{"X-Accel-Redirect", "/a?b.txt", 404, ""},
		{"X-Accel-Redirect", "?x", 500, ""},
		{"X-Sendfile", "a?b.txt", 200, "with a question mark"},
	} {
		if status, body := do(t, answerRequest(t, url, 200, sending(c.header, c.value), "")); status != c.status || body != c.body {
			t.Errorf("%s: %s: status %d, %q", c.header, c.value, status, body)
		}
	}
}
