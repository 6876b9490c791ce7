package integration

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestPHPMakesThePageForEveryError has errors of ours, and of others, answered by another
// pool: as a GET without a body, whatever the request was.
func TestPHPMakesThePageForEveryError(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0] // without a host, so that the site has the requests without a good one
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	s := start(t, fmt.Sprintf("http://:%d {\n", port)+"handle /missing {\nerror \"no such page\" 404\n}\nhandle /files/* {\nroot .\nfile_server\n}\n"+
		"handle {\n"+loop.directive("name front", "workers 1", "queue 1 1s", "max_body 10B", "request_timeout 60s", "uploads {\nmax_files 1\n}")+"}\n"+
		"handle_errors {\nrewrite * /page?of={err.status_code}\n"+
		loop.directive("name pages", "workers 1", "max_body 1B", "attribute method {http.request.orig_method}", "attribute uri {http.request.orig_uri}")+"}\n}\n",
		withFile("files/a.txt", "a"))
	post := func(target, kind, body string) *http.Request {
		r := request(t, "POST", url+target, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("X-Kept", "yes")
		return r
	}
	serves := func() {
		eventually(t, "a worker serves", func() bool {
			_, body := get(t, url+"/id?id=1")
			return body == "right 1"
		})
	}
	badHost := request(t, "GET", url+"/host", nil)
	badHost.Host = "a:99999"
	for _, c := range []struct {
		request *http.Request
		status  int
	}{
		{request(t, "GET", url+"/a%00b", nil), 400},
		{badHost, 400},
		{post("/broken", "multipart/form-data; boundary=b", "--c"), 400},
		{post("/large", "text/plain", "more than ten bytes"), 413},
		{post("/form", "application/x-www-form-urlencoded", "a=more+than+ten+bytes"), 413},
		{post("/error", "text/plain", "abc"), 500},
		{post("/raw", "text/plain", "nonsense"), 502},
		{post("/exit?tries=/dev/null", "text/plain", "abc"), 502},
		{request(t, "HEAD", url+"/missing", nil), 404},
		{request(t, "GET", url+"/missing", nil), 404},
		{post("/missing", "text/plain", "abc"), 404},
		{post("/files/a.txt", "text/plain", "abc"), 405},
		{request(t, "OPTIONS", url+"/missing", nil), 404},
	} {
		serves() // the one before may have cost the worker
		method, target := c.request.Method, c.request.URL.RequestURI()
		if method == "HEAD" {
			if status, _ := do(t, c.request); status != 200 { // what PHP says of its page counts
				t.Errorf("HEAD %s: status %d", target, status)
			}
			continue
		}
		got := tell(t, c.request)
		if got.Method != "GET" || got.Path != "/page" || string(got.Query) != fmt.Sprintf(`{"of":"%d"}`, c.status) || got.Length != 0 || string(got.Parsed) != "null" {
			t.Errorf("%s %s: the page was asked for with %+v, want %d", method, target, got, c.status)
		}
		if got.Attributes["method"] != method || got.Attributes["uri"] != target {
			t.Errorf("%s %s: the attributes are %v", method, target, got.Attributes)
		}
		for _, name := range []string{"content-type", "content-length"} {
			if v := got.Headers[name]; v != nil {
				t.Errorf("%s %s: there is no body, and yet %s: %q", method, target, name, v)
			}
		}
		if want := c.request.Header["X-Kept"]; len(want) > 0 && len(got.Headers["x-kept"]) != 1 {
			t.Errorf("%s %s: the header is lost: %v", method, target, got.Headers)
		}
	}

	// 503: the one worker is busy.
	serves()
	g := newGate(t)
	busy := asking(request(t, "GET", url+"/wait?id=1&gate="+g.path, nil))
	s.waitLog("entered 1")
	res := send(t, request(t, "GET", url+"/id", nil))
	if got := parseSeen(t, readAll(t, res)); string(got.Query) != `{"of":"503"}` || res.Header.Get("Retry-After") == "" {
		t.Errorf("503: %+v, %q", got, res.Header)
	}
	g.open("done")
	if got := <-busy; got.body != "done" {
		t.Errorf("the request that kept the worker busy: %+v", got)
	}
}

// TestPHPMakesThePageForARequestThatTookTooLong is the same for 504.
func TestPHPMakesThePageForARequestThatTookTooLong(t *testing.T) {
	t.Parallel()
	_, url := site(t, loop.directive("name slow", "workers 1", "request_timeout 300ms")+
		"handle_errors {\nrewrite * /page?of={err.status_code}\n"+loop.directive("name pages", "workers 1")+"}\n")
	r := request(t, "POST", url+"/wait?id=7&gate="+newGate(t).path, strings.NewReader("abc"))
	if got := tell(t, r); string(got.Query) != `{"of":"504"}` || got.Method != "GET" || got.Length != 0 {
		t.Errorf("%+v", got)
	}
}

// An error page of the same application, without a rewrite, does nothing a second time.
func TestAnErrorPageOfTheSameApplicationDoesNotPostAgain(t *testing.T) {
	t.Parallel()
	tries := t.TempDir() + "/tries"
	_, url := site(t, loop.directive("name app", "workers 2")+"handle_errors {\n"+
		loop.directive("name pages", "workers 1")+"}\n")
	do(t, request(t, "POST", url+"/exit?tries="+tries, strings.NewReader("abc")))
	if got, err := os.ReadFile(tries); err != nil || strings.Count(string(got), "POST") != 1 {
		t.Errorf("carried out: %q, %v", got, err)
	}
}
