package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/form"
)

// received is what a worker gets of a request: the context, and how deep it and the
// body are nested.
type received struct {
	URI, RawQuery       string
	Headers             map[string][]string
	Uploads             map[string]any
	contextDeep, inBody int
}

// encode makes the frame of a request and reads it as a worker does.
func encode(t *testing.T, o *Options, r *http.Request) received {
	t.Helper()
	q, err := Read(httptest.NewRecorder(), r, Info{}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var head goridge.Header
	frame := goridge.PlainRequest(q.Frame)
	n, err := goridge.ParseHeader(frame, &head)
	if err != nil {
		t.Fatal(err)
	}
	payload := frame[max(n, head.Size()):]
	context, body := payload[:head.Options[0]], payload[head.Options[0]:]
	var s received
	if err := json.Unmarshal(context, &s); err != nil {
		t.Fatalf("%v: %s", err, context)
	}
	s.contextDeep, s.inBody = depth(t, context), depth(t, body)
	return s
}

// depth is how deep a JSON text is nested.
func depth(t *testing.T, text []byte) (deepest int) {
	t.Helper()
	if len(text) == 0 {
		return 0
	}
	now := 0
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

func withForms(t *testing.T, forms FormLimits) *Options {
	o := testOptions(t)
	o.Forms = forms
	return o
}

func TestPHPIsNotToldWhatItWouldDropOfAQuery(t *testing.T) {
	deep := func(n int) string { return "a=0&b=1&a" + strings.Repeat("%5Bx]", n) + "=2" }
	for name, c := range map[string]struct {
		limits      form.Limits
		query, want string
	}{
		"a short query":              {form.Limits{}, "a=1&b[]=2", "a=1&b[]=2"},
		"1000 variables":             {form.Limits{}, strings.Repeat("a[]=1&", 1000), strings.Repeat("a[]=1&", 1000)},
		"1001 variables":             {form.Limits{}, strings.Repeat("a[]=1&", 1000) + "b=2", strings.Repeat("a[]=1&", 1000)},
		"1001 variables, of 5000":    {form.Limits{MaxVars: 5000}, strings.Repeat("a[]=1&", 1001), strings.Repeat("a[]=1&", 1001)},
		"11 variables, of 10":        {form.Limits{MaxVars: 10}, strings.Repeat("a[]=1&", 11), strings.Repeat("a[]=1&", 10)},
		"6 variables, of 5, by ;":    {form.Limits{MaxVars: 5, Separators: ";&"}, "a;b;c;d&e;f;g", "a;b;c;d&e;"},
		"64 levels":                  {form.Limits{}, deep(64), deep(64)},
		"65 levels":                  {form.Limits{}, deep(65), "b=1"},
		"65 levels, of 500":          {form.Limits{MaxDepth: 500}, deep(65), deep(65)},
		"4 levels, of 3":             {form.Limits{MaxDepth: 3}, deep(4), "b=1"},
		"65 levels of bytes":         {form.Limits{}, "\xff=1&\xff" + strings.Repeat("[\xfe]", 65) + "=2&\xfd=3", "%FD=3"},
		"brackets that are no level": {form.Limits{}, "a" + strings.Repeat("[", 100) + "=2", "a" + strings.Repeat("[", 100) + "=2"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
		r.URL.RawQuery = c.query
		s := encode(t, withForms(t, FormLimits{Limits: c.limits}), r)
		if s.RawQuery != c.want {
			t.Errorf("%s: PHP gets the query %.200q, want %.200q", name, s.RawQuery, c.want)
		}
		if want := "http://example.com/?" + c.want; s.URI != want {
			t.Errorf("%s: PHP gets the URI %.200q, want %.200q", name, s.URI, want)
		}
	}
}

// json_decode goes down 512 levels in the packages, and where they read uploads of
// a proto context it says nothing about those below.
func TestWhatPHPDecodesIsNeverTooDeep(t *testing.T) {
	o := withForms(t, FormLimits{Limits: form.Limits{MaxDepth: maxNesting}})
	name := "f" + strings.Repeat("[x]", maxNesting-1)
	part := "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=a\r\n\r\n\r\n"
	value := "--b\r\nContent-Disposition: form-data; name=\"" + name + "[x]\"\r\n\r\n\r\n"
	r := httptest.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(part+value+"--b--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	if s := encode(t, o, r); s.contextDeep < maxNesting || s.contextDeep > 512 || s.inBody < maxNesting || s.inBody > 512 {
		t.Errorf("the context is %d deep, the body %d", s.contextDeep, s.inBody)
	}
	r = httptest.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(name+"[x]=1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if s := encode(t, o, r); s.inBody < maxNesting || s.inBody > 512 {
		t.Errorf("a urlencoded body is %d deep", s.inBody)
	}
}

func TestAFileFieldCalledNameReachesTheWorkerAtTheTopLevel(t *testing.T) {
	body := "--b\r\nContent-Disposition: form-data; name=\"f[][name]\"; filename=a\r\n\r\n\r\n--b--\r\n"
	r := httptest.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	o := withForms(t, FormLimits{})
	o.Uploads.Forbid = []string{""}
	s := encode(t, o, r)
	if file, _ := s.Uploads["f[0][name]"].(map[string]any); len(s.Uploads) != 1 || file["name"] != "a" {
		t.Errorf("uploads %v", s.Uploads)
	}
}

func TestIPv6AddressesAreWrittenAsEveryPSR7LibraryReadsThem(t *testing.T) {
	for host, want := range map[string]string{
		"[::1]": "[::1]", "[2001:DB8::A]:8080": "[2001:db8::a]:8080", "[::FFFF]": "[::ffff]", "[::ffff:1.2.3.4]": "[::ffff:102:304]",
		"[::1.2.3.4]:81": "[::102:304]:81", "[64:FF9B::1.2.3.4]": "[64:ff9b::102:304]", "EXAMPLE.com:80": "EXAMPLE.com:80",
	} {
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		r.Host = host
		s := encode(t, withForms(t, FormLimits{}), r)
		if s.URI != "http://"+want+"/x" || s.Headers["Host"][0] != host {
			t.Errorf("%s: the URI is %s, the header %q", host, s.URI, s.Headers["Host"])
		}
	}
}

// HTTP/2 and HTTP/3 bring methods that no library takes for one.
func TestMethodsThatAreNoneAreRefused(t *testing.T) {
	for method, ok := range map[string]bool{
		"GET": true, "bReW": true, "M-SEARCH": true, "!#$%&'*+-.^_`|~0aZ": true, "00": true,
		"0": false, "G T": false, "G(T": false, "GET\t": false, "\xff": false, "GÉT": false, "{}": false, "GET/": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
		r.Method = method
		q, err := Read(httptest.NewRecorder(), r, Info{}, withForms(t, FormLimits{}))
		var bad BadRequestError
		if ok != (err == nil) || !ok && !errors.As(err, &bad) {
			t.Errorf("%q: %v", method, err)
		}
		if err == nil {
			q.Close()
		}
	}
}
