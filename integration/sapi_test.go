package integration

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fronts runs testdata/sapi in workers of both kinds, and under PHP-FPM, and returns their
// base URLs. Each has a folder for sessions of its own.
func fronts(t *testing.T, lines ...string) (s *server, fpm string, ours map[string]string) {
	t.Helper()
	folder := absolute(t, "testdata/sapi")
	ports := freePorts(t, 3)
	sites := fmt.Sprintf("http://127.0.0.1:%d {\nroot %q\nrewrite * /index.php?{query}\nphp_fastcgi unix/%s {\nroot %q\n}\n}\n", ports[0], folder,
		startFPM(t, nil, "-n", "-d", "output_buffering=4096", "-d", "display_errors=0", "-d", "log_errors=0", "-d", "expose_php=0", "-d", "register_argc_argv=0",
			"-d", "request_order=GP", "-d", "session.save_path="+t.TempDir()), folder)
	ours = make(map[string]string)
	for i, front := range []string{"front", "franken"} {
		block := append([]string{"workers 1", "ini display_errors 0", "ini request_order GP", "ini session.save_path " + t.TempDir()}, lines...)
		sites += on(ports[i+1], fmt.Sprintf("php_worker * %q {\n%s\n}\n", filepath.Join(folder, front+".php"), strings.Join(block, "\n")))
		ours[front] = fmt.Sprintf("http://127.0.0.1:%d", ports[i+1])
	}
	return start(t, sites), fmt.Sprintf("http://127.0.0.1:%d", ports[0]), ours
}

// sapiAnswer is what a client sees of an answer, but for what the server adds and what is different each time.
func sapiAnswer(t *testing.T, res *http.Response) string {
	t.Helper()
	var lines []string
	for name, values := range res.Header {
		if !slices.Contains([]string{"Date", "Server", "Content-Length", "Status", "Via"}, name) {
			for _, value := range values {
				lines = append(lines, name+": "+value)
			}
		}
	}
	slices.Sort(lines)
	text := fmt.Sprintf("%d\n%s\n\n%s", res.StatusCode, strings.Join(lines, "\n"), readAll(t, res))
	text, rest := text[:min(len(text), 64<<10)], text[min(len(text), 64<<10):] // there is nothing of that in large bodies
	for mask, with := range map[string]string{
		`((?:PHPSESSID|OTHER)=)[a-zA-Z0-9,-]{20,}`: "${1}<id>", `(expires=)[^;]+(; Max-Age=)\d+`: "${1}<time>${2}<time>", `((?:Last-Modified|Expires): )\w+, \d+ \w+ 20.*`: "${1}<time>",
		`127\.0\.0\.1:\d+`: "<host>", regexp.QuoteMeta(absolute(t, "testdata/sapi")): "<folder>", `/(front|franken)\.php`: "/index.php",
	} {
		text = regexp.MustCompile(mask).ReplaceAllString(text, with)
	}
	return text + rest
}

// asked is one request to the front controller.
type asked struct {
	method, path, contentType, body string
	headers                         map[string]string
}

func (a asked) send(t *testing.T, who *http.Client, base string) *http.Response {
	t.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	r := request(t, method, base+a.path, strings.NewReader(a.body))
	if a.body == "" {
		r.Body = nil
	}
	if a.contentType != "" {
		r.Header.Set("Content-Type", a.contentType)
	}
	for name, value := range a.headers {
		r.Header.Set(name, value)
	}
	res, err := who.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func multipartForm(t *testing.T) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(form.SetBoundary("boundary"))
	must(form.WriteField("a", "1"))
	must(form.WriteField("g[x][]", "2"))
	for _, file := range [][3]string{{"f", "one.txt", "some text"}, {"list[]", "two.bin", "\x00\xff"}, {"list[]", "", ""}, {"deep[x][y]", "three.txt", "3"}} {
		part, err := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename="%s"`, file[0], file[1])}, "Content-Type": {"text/plain"}})
		must(err)
		_, err = part.Write([]byte(file[2]))
		must(err)
	}
	must(form.Close())
	return form.FormDataContentType(), b.String()
}

// What a client sees of code that was written for PHP-FPM is what it sees of PHP-FPM.
func TestSuperglobalsAnswerAsPHPFPMDoes(t *testing.T) {
	t.Parallel()
	const urlencoded = "application/x-www-form-urlencoded"
	form, files := multipartForm(t)
	cookie := map[string]string{"Cookie": "c=1; a.b=x%20y; d[e]=2; c=second; f", "X-Some-Thing": "v w", "Proxy": "evil"}
	cases := []asked{
		{path: "/variables?a=1&b[]=2&b[]=3&c.d=4&e%20f=%26", headers: cookie},
		{method: "POST", path: "/variables?a=1", contentType: urlencoded, body: "a=2&g[h][]=3&sp=a+b%20c&a%2Eb=%C3%A4", headers: cookie},
		{method: "POST", path: "/variables", contentType: urlencoded, body: "raw=\xff\xe9&n=\x01"},
		{method: "POST", path: "/variables", contentType: "application/json", body: `{"a":1}`},
		{method: "POST", path: "/variables", contentType: "text/plain", body: "a=1"},
		{method: "POST", path: "/variables", contentType: form, body: files},
		{method: "PUT", path: "/variables", contentType: urlencoded, body: "a=2"},
		{method: "PUT", path: "/parsed?x=1", contentType: urlencoded, body: "a=2&b[]=3&b[]=%20"}, {method: "PATCH", path: "/parsed", contentType: urlencoded + "; charset=utf-8", body: "a=2"},
		{method: "PATCH", path: "/parsed", contentType: "application/json", body: "{}"}, {path: "/parsed"}, {method: "POST", path: "/parsed", contentType: urlencoded, body: "a=2"},
		{method: "PUT", path: "/parsed", contentType: form, body: files}, {method: "POST", path: "/parsed", contentType: form, body: files},
		{method: "PATCH", path: "/variables", contentType: "application/json", body: "[]"},
		{method: "DELETE", path: "/variables?x"},
		{path: "/server?a=b+c&d", headers: cookie},
		{method: "POST", path: "/server/some/path.php/info?x", contentType: urlencoded, body: "a=1"},
		{path: "/server", headers: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:se:cret"))}},
		{path: "/server", headers: map[string]string{"Authorization": `Digest username="x"`}},
		{path: "/server", headers: map[string]string{"Authorization": "Bearer x"}},
		{method: "POST", path: "/filter?n=7", contentType: urlencoded, body: "a=1", headers: cookie},
		{path: "/filter?n=x"},
		{method: "POST", path: "/files", contentType: form, body: files},
		{path: "/files"},
		{path: "/headers"}, {method: "HEAD", path: "/headers"},
		{path: "/status?line=HTTP/1.1+404+Not+Found"}, {path: "/status-of-cgi"}, {path: "/status?line=WWW-Authenticate:+Basic"},
		{path: "/location"}, {path: "/location?code=307"}, {path: "/location?code=201"},
		{path: "/cookies"}, {path: "/callback"}, {path: "/type"}, {path: "/json"}, {path: "/nothing"}, {path: "/missing"},
		{path: "/buffers"}, {path: "/buffers-closed"}, {path: "/print"}, {path: "/large"}, {path: "/huge"},
		{path: "/exit"}, {path: "/exit-number"}, {path: "/die-in-function"},
		{path: "/exception-handled"}, {path: "/error-handler"},
		{path: "/flush"}, {path: "/session"}, {path: "/session-own"},
	}
	// With FrankenPHP, and so with frankenphp_handle_request(), these are different: see docs/frameworks/superglobals.md.
	only := []asked{
		{path: "/shutdown"}, {path: "/shutdown?exit"}, {path: "/shutdown-exits"}, {path: "/shutdown-private"}, {path: "/fatal"}, {path: "/memory"},
		{path: "/connection"}, {path: "/limits"}, {path: "/session-named"}, {path: "/session-named?limiter=public"}, {path: "/session"},
	}
	paths := []string{"/session", "/session", "/session-renew", "/session", "/session-own", "/session-own", "/session"}
	_, fpm, ours := fronts(t)
	for front, base := range ours {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			all, paths := cases, paths
			if front == "front" {
				all = append(slices.Clip(cases), only...)
				paths = append(slices.Clip(paths), "/session-named", "/session-named", "/session")
			}
			for range 2 { // the second time behind everything else
				for _, c := range all {
					want, got := sapiAnswer(t, c.send(t, client, fpm)), sapiAnswer(t, c.send(t, client, base))
					if got != want {
						t.Errorf("%s %s %q %q: the client sees\n%s\nand of PHP-FPM\n%s", c.method, c.path, c.contentType, c.body, got, want)
					}
				}
				anna, bert, peer, friend := visitor(t), visitor(t), visitor(t), visitor(t)
				for _, path := range paths {
					for _, pair := range [][2]*http.Client{{anna, peer}, {bert, friend}} {
						want, got := sapiAnswer(t, asked{path: path}.send(t, pair[1], fpm)), sapiAnswer(t, asked{path: path}.send(t, pair[0], base))
						if got != want {
							t.Errorf("the session at %s: the client sees\n%s\nand of PHP-FPM\n%s", path, got, want)
						}
					}
				}
			}
		})
	}
}

func TestWhatFollowsAFinishedRequestIsNotSeen(t *testing.T) {
	t.Parallel()
	_, fpm, ours := fronts(t)
	ours["fpm"] = fpm
	for front, base := range ours {
		file := filepath.Join(t.TempDir(), "late")
		if status, body := get(t, base+"/finish?to="+file); status != http.StatusOK || body != "seen" {
			t.Errorf("%s: status %d, %q", front, status, body)
		}
		eventually(t, front+" goes on behind the answer", func() bool {
			text, _ := os.ReadFile(file)
			return string(text) == "[true,true,0]"
		})
	}
}
