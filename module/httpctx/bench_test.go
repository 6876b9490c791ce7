package httpctx_test

import (
	"runtime/debug"
	"slices"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// browserRequest is what a browser sends for a page: 12 headers, 3 cookies.
func browserRequest() *httpctx.Request {
	return &httpctx.Request{
		RemoteAddr: "203.0.113.195",
		Protocol:   "HTTP/2.0",
		Method:     "GET",
		URI:        "https://www.example.com/products/list?page=2&sort=price&q=caf%C3%A9",
		RawQuery:   "page=2&sort=price&q=caf%C3%A9",
		Host:       "www.example.com",
		Header: map[string][]string{
			"Accept":                    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
			"Accept-Encoding":           {"gzip, deflate, br, zstd"},
			"Accept-Language":           {"de,en-US;q=0.7,en;q=0.3"},
			"Cookie":                    {"session=eyJpdiI6IjQ2ZHFsT3BOVmF1SlVRPT0iLCJ2YWx1ZSI6IjB; theme=dark; consent=all"},
			"Dnt":                       {"1"},
			"Priority":                  {"u=0, i"},
			"Referer":                   {"https://www.example.com/products"},
			"Sec-Fetch-Dest":            {"document"},
			"Sec-Fetch-Mode":            {"navigate"},
			"Sec-Fetch-Site":            {"same-origin"},
			"Upgrade-Insecure-Requests": {"1"},
			"User-Agent":                {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		},
		Cookies: []httpctx.Pair{
			{"session", "eyJpdiI6IjQ2ZHFsT3BOVmF1SlVRPT0iLCJ2YWx1ZSI6IjB"},
			{"theme", "dark"},
			{"consent", "all"},
		},
	}
}

// minimalRequest has nothing but a Host.
func minimalRequest() *httpctx.Request {
	return &httpctx.Request{
		RemoteAddr: "127.0.0.1",
		Protocol:   "HTTP/1.1",
		Method:     "GET",
		URI:        "http://localhost/",
		Host:       "localhost",
	}
}

const (
	plainResponse = `{"status":200,"headers":{"Content-Type":["text/html; charset=utf-8"]}}`

	// What json_encode writes by default: slashes are escaped.
	usualResponse = `{"status":200,"headers":{"Content-Type":["text\/html; charset=UTF-8"],` +
		`"Cache-Control":["no-cache, private"],"Date":["Sat, 14 Nov 2026 09:30:00 GMT"],` +
		`"X-Request-Id":["01JCM8T5M3S8W2C0R7K4V1Q9ZX"],` +
		`"Set-Cookie":["XSRF-TOKEN=eyJpdiI6Ik; expires=Sat, 14 Nov 2026 11:30:00 GMT; path=\/; samesite=lax",` +
		`"session=eyJpdiI6IjQ2ZHFsT3B; expires=Sat, 14 Nov 2026 11:30:00 GMT; path=\/; httponly"]}}`
)

func benchmarkAppend(b *testing.B, r *httpctx.Request, appendContext func([]byte, *httpctx.Request) []byte) {
	buf := appendContext(nil, r)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = appendContext(buf[:0], r)
	}
}

func BenchmarkAppendJSONOfBrowserRequest(b *testing.B) {
	benchmarkAppend(b, browserRequest(), httpctx.AppendJSON)
}
func BenchmarkAppendJSONOfMinimalRequest(b *testing.B) {
	benchmarkAppend(b, minimalRequest(), httpctx.AppendJSON)
}
func BenchmarkAppendProtoOfBrowserRequest(b *testing.B) {
	benchmarkAppend(b, browserRequest(), httpctx.AppendProto)
}

func benchmarkDecode(b *testing.B, ctx []byte, decode func(*httpctx.Response, []byte) error) {
	var r httpctx.Response
	b.SetBytes(int64(len(ctx)))
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(&r, ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeJSONOfOneHeader(b *testing.B) {
	benchmarkDecode(b, []byte(plainResponse), (*httpctx.Response).DecodeJSON)
}
func BenchmarkDecodeJSONOfSixHeaders(b *testing.B) {
	benchmarkDecode(b, []byte(usualResponse), (*httpctx.Response).DecodeJSON)
}

// With the race detector a sync.Pool loses some of what it keeps, on purpose.
var raced = func() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}()

func TestRequestContextsCostNoAllocation(t *testing.T) {
	buf := make([]byte, 0, 4096)
	for name, r := range map[string]*httpctx.Request{"browser": browserRequest(), "minimal": minimalRequest()} {
		if n := testing.AllocsPerRun(100, func() { buf = httpctx.AppendJSON(buf[:0], r) }); n != 0 {
			t.Errorf("AppendJSON of the %s request makes %v allocations", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { buf = httpctx.AppendProto(buf[:0], r) }); n != 0 {
			t.Errorf("AppendProto of the %s request makes %v allocations", name, n)
		}
	}
}

// usualCGI is the head of a page of a framework under PHP-FPM.
const usualCGI = "X-Powered-By: PHP\r\nCache-Control: no-cache, private\r\nContent-Type: text/html; charset=UTF-8\r\n"

func TestResponseContextsCostAtMostOneAllocation(t *testing.T) {
	protoResponse := protoContext(200, httpctx.Pair{Name: "Content-Type", Value: "text/html"},
		httpctx.Pair{Name: "X-Request-Id", Value: "01JCM8T5M3S8W2C0R7K4V1Q9ZX"})
	for name, c := range map[string]struct {
		ctx    []byte
		decode func(*httpctx.Response, []byte) error
		limit  float64
	}{
		"known strings only": {[]byte(plainResponse), (*httpctx.Response).DecodeJSON, 0},
		"six headers":        {[]byte(usualResponse), (*httpctx.Response).DecodeJSON, 1},
		"proto":              {protoResponse, (*httpctx.Response).DecodeProto, 1},
		"CGI":                {[]byte(usualCGI), (*httpctx.Response).DecodeCGI, 1},
	} {
		if raced {
			c.limit += 8
		}
		var r httpctx.Response
		var err error
		n := testing.AllocsPerRun(100, func() { err = c.decode(&r, c.ctx) })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n > c.limit {
			t.Errorf("%s: %v allocations, want at most %v", name, n, c.limit)
		}
	}
}
