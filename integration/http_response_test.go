package integration

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
)

// testResponses asks the application for answers and looks at what a client gets.
func testResponses(t *testing.T, app front) {
	_, url := app.site(t, "workers 1")
	able := app.able(t, url)
	pid, _ := worker(t, url)

	t.Run("status, headers and body arrive", func(t *testing.T) {
		for _, status := range []int{200, 201, 204, 206, 301, 304, 404, 418, 500, 599} {
			res := send(t, answerRequest(t, url, status, map[string][]string{"X-Two": {"a", "b"}, "Set-Cookie": {"a=1", "b=2; Path=/"}}, "the body"))
			want := "the body"
			if status == 204 || status == 304 {
				want = ""
			}
			if res.StatusCode != status || readAll(t, res) != want {
				t.Errorf("asked for %d, got %d with another body", status, res.StatusCode)
			}
			if two, cookies := res.Header["X-Two"], res.Header["Set-Cookie"]; !reflect.DeepEqual(two, []string{"a", "b"}) || len(cookies) != 2 {
				t.Errorf("status %d came with X-Two %q and Set-Cookie %q", status, two, cookies)
			}
		}
	})

	t.Run("a header keeps its bytes", func(t *testing.T) {
		for _, c := range []struct{ sent, want string }{
			{"caf%C3%A9", "caf\xc3\xa9"},
			{"caf%E9%20%22%5C%22%20%FF%C3", "caf\xe9 \"\\\" \xff\xc3"},
			{"a%09b%E9", "a\tb\xe9"},
		} {
			res := send(t, request(t, "GET", url+"/bytes?bytes="+c.sent, nil))
			got := res.Header.Get("X-Bytes")
			if app.folder != "" && c.want != "caf\xc3\xa9" && res.StatusCode == 500 {
				continue // the packages cannot write it as JSON, and throw
			}
			if res.StatusCode != 200 || got != c.want {
				t.Errorf("%s: status %d, %q, want %q", c.sent, res.StatusCode, got, c.want)
			}
		}
	})

	t.Run("an answer in one frame has a length", func(t *testing.T) {
		for _, body := range []string{"", "short", strings.Repeat("long ", 20_000)} {
			// The length that PHP tells is not trusted.
			res := send(t, answerRequest(t, url, 200, map[string][]string{"Content-Length": {"3"}}, body))
			if res.ContentLength != int64(len(body)) || res.TransferEncoding != nil || readAll(t, res) != body {
				t.Errorf("%d bytes came with the length %d and the coding %q", len(body), res.ContentLength, res.TransferEncoding)
			}
		}
	})

	t.Run("HEAD has the length and no body", func(t *testing.T) {
		res := send(t, request(t, "HEAD", url+"/big?size=1000", nil))
		if res.StatusCode != 200 || res.ContentLength != 1000 || readAll(t, res) != "" {
			t.Errorf("status %d, length %d", res.StatusCode, res.ContentLength)
		}
	})

	t.Run("a body without a type is HTML, as PHP has it", func(t *testing.T) {
		if res := send(t, answerRequest(t, url, 200, nil, "{}")); res.Header.Get("Content-Type") != "text/html; charset=UTF-8" {
			t.Errorf("the type is %q", res.Header.Get("Content-Type"))
		}
		if res := send(t, answerRequest(t, url, 200, nil, "")); res.Header.Get("Content-Type") != "" {
			t.Errorf("no body has the type %q", res.Header.Get("Content-Type"))
		}
	})

	t.Run("a header that would break out of its line is dropped whole", func(t *testing.T) {
		res := send(t, answerRequest(t, url, 200, map[string][]string{
			"X-Good": {"yes"}, "X-Lines": {"a\r\nX-Evil: 1"}, "X-Line": {"a\nX-Evil: 1"}, "X-Return": {"a\rb"}, "X-Nul": {"a\x00b"},
			"X-Some": {"good", "bad\r\n\r\n<html>"}, "Location": {"/a\r\nSet-Cookie: evil=1"},
			"X Space": {"1"}, "X-Colon:": {"1"}, "X\r\nX-Evil: 1": {"1"}, "": {"1"}, "X-Evil: 1\r\nX": {"1"},
		}, "body"))
		body := readAll(t, res)
		for name := range res.Header {
			switch name {
			case "X-Good", "X-Some", "Content-Type", "Content-Length", "Date", "Server":
			default:
				t.Errorf("the header %q: %q came through", name, res.Header[name])
			}
		}
		if body != "body" || res.Header.Get("X-Good") != "yes" || !reflect.DeepEqual(res.Header["X-Some"], []string{"good"}) {
			t.Errorf("what is allowed did not arrive: %q, %q", body, res.Header)
		}
	})

	t.Run("headers about one connection are dropped", func(t *testing.T) {
		res := send(t, answerRequest(t, url, 200, map[string][]string{
			"Connection": {"close, X-Other"}, "Keep-Alive": {"timeout=5"}, "Transfer-Encoding": {"chunked"}, "Upgrade": {"websocket"},
			"Proxy-Connection": {"keep-alive"}, "TE": {"trailers"}, "X-Other": {"stays"},
		}, "body"))
		if readAll(t, res) != "body" || res.ContentLength != 4 || res.Close || res.TransferEncoding != nil || res.Header.Get("X-Other") != "stays" {
			t.Errorf("close %t, coding %q, length %d, %q", res.Close, res.TransferEncoding, res.ContentLength, res.Header)
		}
		for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Proxy-Connection", "Te"} {
			if values, there := res.Header[name]; there {
				t.Errorf("%s: %q came through", name, values)
			}
		}
	})

	t.Run("trailers follow the body", func(t *testing.T) {
		testTrailers(t, client, url+"/trailers")
		if able("stream") {
			testTrailers(t, client, url+"/trailers?stream=1")
		}
	})

	if able("hints") {
		t.Run("a client of HTTP/1.0 gets no early hints", func(t *testing.T) {
			d := dialSite(t, url)
			d.say("GET /hints HTTP/1.0\r\nHost: %s\r\n\r\n", strings.TrimPrefix(url, "http://"))
			if res, body := d.response("GET"); res.StatusCode != 200 || body != "hinted" {
				t.Errorf("the first answer is %s %q", res.Status, body)
			}
		})
		t.Run("early hints come first, and stay out of the final headers", func(t *testing.T) {
			type hint struct {
				status int
				header textproto.MIMEHeader
			}
			var hints []hint
			r := request(t, "GET", url+"/hints", nil)
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(status int, header textproto.MIMEHeader) error {
					hints = append(hints, hint{status, header})
					return nil
				},
			}))
			res := send(t, r)
			if res.StatusCode != 200 || readAll(t, res) != "hinted" || res.ContentLength != 6 {
				t.Errorf("the final answer: status %d, length %d", res.StatusCode, res.ContentLength)
			}
			want := []hint{
				{103, textproto.MIMEHeader{"Link": {"</a.css>; rel=preload; as=style"}, "X-Hint": {"one"}}},
				{103, textproto.MIMEHeader{"Link": {"</b.js>; rel=preload; as=script"}}},
			}
			if !reflect.DeepEqual(hints, want) {
				t.Errorf("hints %v, want %v", hints, want)
			}
			if res.Header.Get("Link") != "" || res.Header.Get("X-Hint") != "" || res.Header.Get("X-Final") != "yes" {
				t.Errorf("the final headers are %q", res.Header)
			}
		})
	}

	if now, _ := worker(t, url); now != pid {
		t.Errorf("one of these answers cost a worker: %d is now %d", pid, now)
	}
}

func testTrailers(t *testing.T, client *http.Client, url string) {
	t.Helper()
	res, err := client.Do(request(t, "GET", url, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("X-Sum") != "" {
		t.Errorf("%s: the trailer came with the headers", url)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || len(body) == 0 {
		t.Fatalf("%s: %d bytes, %v", url, len(body), err)
	}
	if want := (http.Header{"X-Sum": {"abc"}, "X-Count": {"3"}}); !reflect.DeepEqual(res.Trailer, want) {
		t.Errorf("%s: trailers %v, want %v", url, res.Trailer, want)
	}
}
