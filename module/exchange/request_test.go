package exchange

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestHostsThatPHPCanRead(t *testing.T) {
	long := strings.Repeat("a", 255)
	for host, ok := range map[string]bool{
		"example.com": true, "EXAMPLE.com:80": true, "a_b.example": true, "127.0.0.1:65535": true, "[::1]": true, "[2001:db8::1]:8080": true, long: true,
		"xn--caf-dma.example": true, "a.": true, "-": true,

		"": false, ":80": false, "a:": false, "a:0": false, "a:65536": false, "a:99999": false, "a:123456": false, "a:8 0": false, "a:-1": false, "a:1:2": false,
		"a b": false, "a\tb": false, "a\x00b": false, "a\r\nb": false, "a/b": false, "a?b": false, "a#b": false, "a@b": false, "a\\b": false, "a%20b": false, "café": false, "\xff": false,
		"[": false, "]": false, "[]": false, "[::1": false, "::1]": false, "[::1]x": false, "[::1]:": false, "[::1]:0": false, "[127.0.0.1]": false, "[fe80::1%eth0]": false, "::1": false, "[a]": false,
		long + "a": false, "<script>": false, "a,b": false,
	} {
		if err := checkHost(host); (err == nil) != ok {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestTheURIIsAbsoluteWhateverTheTarget(t *testing.T) {
	for _, c := range []struct {
		target, proto, forwardedProto, forwardedHost string
		trusted                                      bool
		want                                         string // "": refused
	}{
		{"/a%20b/%2f?x=%ff", "HTTP/1.1", "", "", false, "http://h:80/a%20b/%2f?x=%ff"},
		{"/x?", "HTTP/1.1", "", "", false, "http://h:80/x?"},
		{"//x:99999/", "HTTP/1.1", "", "", false, "http://h:80//x:99999/"},
		{"*", "HTTP/1.1", "", "", false, "http://h:80/"},
		{"/a%2Fb|c%20d", "HTTP/1.1", "", "", false, "http://h:80/a%2Fb%7Cc%20d"}, // encoded is not the same as sent
		{"/caf\xe9/a%2fb/%7e~", "HTTP/1.1", "", "", false, "http://h:80/caf%E9/a%2fb/%7e~"},
		{"/a;b,c='!$&()*+@:=[1]", "HTTP/1.1", "", "", false, "http://h:80/a;b,c='!$&()*+@:=[1]"},
		{"/a\"<>^`{}\\b", "HTTP/1.1", "", "", false, "http://h:80/a%22%3C%3E%5E%60%7B%7D%5Cb"},
		{"/%00", "HTTP/1.1", "", "", false, ""},
		{"/", "HTTP/1.1", "https", "evil", false, "http://h:80/"},
		{"/", "HTTP/1.1", "https", "good:8443", true, "https://good:8443/"},
		{"/", "HTTP/1.1", "HTTPS", "evil, good", true, "https://good/"},
		{"/", "HTTP/1.1", "gopher", "", true, "http://h:80/"},
		{"/", "HTTP/1.1", "", "evil:99999", true, ""},
		{"/", "HTTP/1.1", "", "a b", true, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.Proto = "h:80", c.proto
		if c.target == "*" {
			r.URL = &url.URL{Path: "*"}
		} else if u, err := url.ParseRequestURI(c.target); err != nil {
			t.Fatal(err)
		} else {
			r.URL = u
		}
		r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"] = []string{c.forwardedProto}, []string{c.forwardedHost}
		got, err := absoluteURI(r, c.trusted, r.URL, r.URL.RawQuery)
		if c.want == "" && err == nil || c.want != "" && got.text != c.want {
			t.Errorf("%+v: %q, %v", c, got.text, err)
		}
	}
}

// php://input of a form: as much as is kept in memory anyway.
func TestAFormIsToldAsItWasSentUpToTheMemoryOfABody(t *testing.T) {
	o := testOptions(t)
	for size, told := range map[int]bool{5: true, bodyMemory: true, bodyMemory + 1: false} {
		text := "a=" + strings.Repeat("x", size-2)
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q, err := Read(httptest.NewRecorder(), r, Info{}, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(q.Frame), `"form":"`+text+`"`); got != told {
			t.Errorf("of %d bytes: told %v, want %v", size, got, told)
		}
		q.Close()
	}
}
