package integration

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// example is one of php/examples, run as its Caddyfile has it, in one worker.
func example(t *testing.T, name string, lines ...string) (*server, string) {
	t.Helper()
	folder := absolute(t, "../php/examples/"+name)
	text, err := os.ReadFile(filepath.Join(folder, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`(?s)php_worker (\S+)(?: \{\n(.*)\n\t\})?\n\}`).FindSubmatch(text)
	if own == nil {
		t.Fatalf("the Caddyfile of %s has no php_worker:\n%s", name, text)
	}
	lines = append(lines, string(own[2]), "workers 1", "dir "+folder, env("APP_VAR", t.TempDir()), env("APP_STORAGE", t.TempDir()), env("SESSIONS", t.TempDir()))
	return site(t, fmt.Sprintf("php_worker %s {\n\t%s\n}", own[1], strings.Join(lines, "\n\t")))
}

// expectBody asks as this visitor for a path.
func expectBody(t *testing.T, who *http.Client, url, want string) {
	t.Helper()
	if got, _ := as(t, who, url); got != want {
		t.Errorf("%s answered %.200q, want %q", url, got, want)
	}
}

// counts proves that one process answers, and goes on where it was.
func counts(t *testing.T, base string, from int) (pid string) {
	t.Helper()
	for n := from; n < from+2; n++ {
		status, body := get(t, base+"/")
		var said int
		var who string
		if _, err := fmt.Sscanf(body, "Request %d of process %s", &said, &who); err != nil || status != http.StatusOK || said != n || pid != "" && pid != who {
			t.Errorf("request %d: status %d, %.200q; the process was %s", n, status, body, pid)
		}
		pid = who
	}
	return pid
}

// postFile sends a file of this content in the field "file".
func postFile(t *testing.T, url string, content []byte) (int, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "photo.bin")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	form.Close()
	r := request(t, http.MethodPost, url, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return do(t, r)
}

func testUpload(t *testing.T, base string) {
	t.Helper()
	content := bytes.Repeat([]byte{0, 0xff, 'x'}, 5000)
	if status, body := postFile(t, base+"/upload", content); status != http.StatusOK || strings.TrimSpace(body) != fmt.Sprintf("photo.bin: %x", md5.Sum(content)) {
		t.Errorf("the upload: status %d, %.300s", status, body)
	}
}

func testStream(t *testing.T, base string) {
	t.Helper()
	res := send(t, request(t, http.MethodGet, base+"/stream", nil))
	if body := readAll(t, res); body != "data: 1\n\ndata: 2\n\ndata: 3\n\n" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") || res.ContentLength >= 0 {
		t.Errorf("the stream is %q, headers %v, length %d", body, res.Header, res.ContentLength)
	}
	if status, body := do(t, request(t, http.MethodHead, base+"/stream", nil)); status != http.StatusOK || body != "" {
		t.Errorf("HEAD of the stream: status %d, %q", status, body)
	}
}

func testDownload(t *testing.T, base, file string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("../php/examples", file))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, base+"/download"); status != http.StatusOK || body != string(want) {
		t.Errorf("the download: status %d, %d bytes, want %d", status, len(body), len(want))
	}
}

// testFailure proves that an exception costs its request only, and tells the client nothing.
func testFailure(t *testing.T, base string) {
	t.Helper()
	if status, body := get(t, base+"/fail"); status != http.StatusInternalServerError || strings.Contains(body, "not told") {
		t.Errorf("the failure: status %d, %.300s", status, body)
	}
}

func TestSymfonyRunsResidentThroughItsRuntime(t *testing.T) {
	t.Parallel()
	s, base := example(t, "symfony", "root public")
	counts(t, base, 1)
	s.waitLog("after the response: 2")
	anna, bert := visitor(t), visitor(t)
	expectBody(t, bert, base+"/who", "nobody")
	expectBody(t, anna, base+"/login/anna", "hello anna")
	expectBody(t, bert, base+"/who", "nobody")
	expectBody(t, anna, base+"/who", "anna")
	expectBody(t, bert, base+"/login/bert", "hello bert")
	expectBody(t, anna, base+"/who", "anna")
	expectBody(t, visitor(t), base+"/who", "nobody")
	for range 2 { // the service is reset
		expectBody(t, anna, base+"/visits", "1")
	}
	testUpload(t, base)
	testStream(t, base)
	testDownload(t, base, "symfony/src/Pages.php")
	testFailure(t, base)

	r := request(t, http.MethodPost, base+"/form?a[]=1", strings.NewReader("b=2&c[x]=3"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "k=v")
	r.SetBasicAuth("ann", "secret")
	res := send(t, r)
	var got struct {
		Method, URI, Base, Client, User, Body string
		Query, Form, Cookies                  map[string]any
	}
	decode(t, []byte(readAll(t, res)), &got)
	if fmt.Sprint(got) != fmt.Sprintf("{POST %s/form?a%%5B0%%5D=1  127.0.0.1 ann  map[a:[1]] map[b:2 c:map[x:3]] map[k:v]}", base) {
		t.Errorf("Symfony saw %v", got)
	}
	if cookies := res.Cookies(); len(cookies) != 2 || cookies[0].Value != "a%20b" || cookies[1].MaxAge != 60 {
		t.Errorf("the cookies are %v", cookies)
	}

	res = send(t, request(t, http.MethodGet, base+"/endless", nil))
	if _, err := io.ReadFull(res.Body, make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	s.waitLog("the stream has ended")
	counts(t, base, 3)
	for _, unwanted := range []string{"has no effect", "session_start()", "output of echo"} {
		if records := s.logs.records(unwanted); len(records) > 0 {
			t.Errorf("the log has %v", records)
		}
	}
}

func TestLaravelRunsResidentWithoutOctane(t *testing.T) {
	t.Parallel()
	s, base := example(t, "laravel")
	counts(t, base, 1)
	anna, bert := visitor(t), visitor(t)
	const guest = "nobody guest guest guest may not"
	expectBody(t, bert, base+"/who", guest)
	expectBody(t, anna, base+"/login/anna", "hello anna")
	expectBody(t, bert, base+"/who", guest)
	expectBody(t, anna, base+"/who", "anna anna anna anna may")
	expectBody(t, bert, base+"/login/bert", "hello bert")
	expectBody(t, anna, base+"/who", "anna anna anna anna may")
	expectBody(t, bert, base+"/who", "bert bert bert bert may not")
	expectBody(t, visitor(t), base+"/who", guest)
	for range 2 {
		if status, _ := get(t, base+"/leave"); status != http.StatusInternalServerError {
			t.Errorf("status %d", status)
		}
		expectBody(t, visitor(t), base+"/left", `["Example",null,"en","en",false,true,true,0]`)
	}
	testUpload(t, base)
	testStream(t, base)
	testDownload(t, base, "laravel/app/Pages.php")
	testFailure(t, base)
	r := request(t, http.MethodPut, base+"/form?a=1", strings.NewReader(`{"b":2}`))
	r.Header.Set("Content-Type", "application/json")
	if _, got := do(t, r); got != fmt.Sprintf(`{"method":"PUT","url":"%[1]s\/form?a=1","input":{"b":2,"a":"1"},"ip":"127.0.0.1","to":"%[1]s\/x"}`, strings.ReplaceAll(base, "/", `\/`)) {
		t.Errorf("Laravel saw %s", got)
	}
	counts(t, base, 3)
	if records := s.logs.records("has no effect"); len(records) > 0 {
		t.Errorf("the log has %v", records)
	}
}

func TestAPSR15HandlerRunsResident(t *testing.T) {
	t.Parallel()
	_, base := example(t, "psr15")
	pid := counts(t, base, 1)
	anna := visitor(t)
	expectBody(t, anna, base+"/hello?name=Anna", "Hello, Anna!\n")
	expectBody(t, anna, base+"/cookies", "seen 0\n")
	expectBody(t, anna, base+"/cookies", "seen 1\n")
	expectBody(t, anna, base+"/hints", "hinted\n")
	r := request(t, http.MethodPost, base+"/hello", strings.NewReader("name=Bert"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, body := do(t, r); body != "Hello, Bert!\n" {
		t.Errorf("the form: %q", body)
	}
	if _, body := get(t, base+"/large"); body != strings.Repeat("0123456789abcde\n", 65536) {
		t.Errorf("the large answer has %d bytes", len(body))
	}
	testUpload(t, base)
	testFailure(t, base)
	if now := counts(t, base, 11); now != pid {
		t.Errorf("the process was %s and is %s", pid, now)
	}
}

// A cycle of references keeps a request's files open until PHP collects its garbage, which may be
// hundreds of requests later: by then the worker would have run out of descriptors.
func TestUploadedFilesOfARequestThatIsGarbageAreClosed(t *testing.T) {
	t.Parallel()
	_, base := site(t, fmt.Sprintf("php_worker * %q {\n\tworkers 1\n}\n", absolute(t, "testdata/frameworks/psr15.php")))
	postFile(t, base+"/cycle", []byte("content"))
	_, before := postFile(t, base+"/cycle", []byte("content"))
	for range 20 {
		postFile(t, base+"/cycle", []byte("content"))
	}
	if status, now := postFile(t, base+"/cycle", []byte("content")); status != http.StatusOK || now != before {
		t.Errorf("status %d: %s files are open, after two requests it was %s", status, now, before)
	}
	if status, body := postFile(t, base+"/afterwards", []byte("content")); status != http.StatusOK || body != "answered" {
		t.Errorf("status %d, %q", status, body)
	}
	if _, body := get(t, base+"/kept"); body != "content" {
		t.Errorf("work after the response has read %q of the file", body)
	}
}

func TestSlimRunsResident(t *testing.T) {
	t.Parallel()
	_, base := example(t, "slim")
	counts(t, base, 1)
	r := request(t, http.MethodPost, base+"/hello/Anna", strings.NewReader("a=1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, body := do(t, r); body != "Hello, Anna! {\"a\":\"1\"}\n" {
		t.Errorf("the form: %q", body)
	}
	testFailure(t, base)
	counts(t, base, 3)
}

func TestAFrontControllerForPHPFPMRunsResident(t *testing.T) {
	t.Parallel()
	s, base := example(t, "superglobals", "ini session.save_path "+t.TempDir())
	anna := visitor(t)
	page := func(who *http.Client) (visit, process string) {
		t.Helper()
		body, res := as(t, who, base+"/")
		match := regexp.MustCompile(`^<h1>Your visit (\d+)</h1><p>of process (\d+)</p>$`).FindStringSubmatch(body)
		if match == nil {
			t.Fatalf("the page is %q", body)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store, no-cache, must-revalidate" {
			t.Errorf("Cache-Control with a session is %q", got)
		}
		return match[1], match[2]
	}
	_, first := page(anna)
	if visit, _ := page(visitor(t)); visit != "1" {
		t.Errorf("a new visitor's visit is number %s", visit)
	}
	if visit, process := page(anna); visit != "2" || process != first {
		t.Errorf("visit %s of process %s, want 2 of %s", visit, process, first)
	}

	ask := func(contentType, body string) (got struct {
		Method, Input, Host, User, Script string
		Get, Post, Cookie, Request        any
		Filter                            any
	}) {
		r := request(t, http.MethodPost, base+"/form?n=7&a[]=1", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Cookie", "a.b=x%20y; c[d]=1; a.b=second")
		r.SetBasicAuth("ann", "secret")
		_, answer := do(t, r)
		decode(t, []byte(answer), &got)
		return got
	}
	host := strings.TrimPrefix(base, "http://")
	if got, want := fmt.Sprint(ask("application/json", `{"x":1}`)),
		`{POST {"x":1} `+host+` ann /index.php map[a:[1] n:7] [] map[a_b:x y c:map[d:1]] map[a:[1] n:7] 7}`; got != want {
		t.Errorf("with JSON PHP saw\n%s, want\n%s", got, want)
	}
	if got, want := fmt.Sprint(ask("application/x-www-form-urlencoded", `p=q`)),
		`{POST p=q `+host+` ann /index.php map[a:[1] n:7] map[p:q] map[a_b:x y c:map[d:1]] map[a:[1] n:7 p:q] 7}`; got != want {
		t.Errorf("with a form PHP saw\n%s, want\n%s", got, want)
	}
	testUpload(t, base)
	testStream(t, base)
	testFailure(t, base)
	if _, process := page(anna); process != first {
		t.Errorf("the process was %s and is %s", first, process)
	}

	// exit() delivers what was said, and ends the worker.
	res := send(t, request(t, http.MethodGet, base+"/redirect", nil))
	if res.StatusCode != http.StatusFound || res.Header.Get("Location") != "/" || len(res.Cookies()) != 1 || readAll(t, res) != "" {
		t.Errorf("the redirect: status %d, %v", res.StatusCode, res.Header)
	}
	testDownload(t, base, "superglobals/index.php")
	if visit, process := page(anna); visit != "4" || process == first {
		t.Errorf("visit %s of process %s, want 4 of another one than %s", visit, process, first)
	}
	if records := s.logs.records("has no effect"); len(records) > 0 {
		t.Errorf("the log has %v", records)
	}
}

func TestTheExampleOfFrankenPHPRuns(t *testing.T) {
	t.Parallel()
	s, base := example(t, "frankenphp", "ini session.save_path "+t.TempDir())
	counts(t, base, 1)
	anna := visitor(t)
	expectBody(t, anna, base+"/visits", "1")
	expectBody(t, visitor(t), base+"/visits", "1")
	expectBody(t, anna, base+"/visits", "2")
	expectBody(t, anna, base+"/hints", "hinted")
	r := request(t, http.MethodPost, base+"/form?a=1", strings.NewReader("b=2"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "c=3")
	if _, body := do(t, r); body != `{"get":{"a":"1"},"post":{"b":"2"},"cookie":{"c":"3"},"input":"b=2"}` {
		t.Errorf("the form: %s", body)
	}
	testUpload(t, base)
	testStream(t, base)
	testDownload(t, base, "frankenphp/index.php")
	testFailure(t, base)
	expectBody(t, anna, base+"/later", "answered")
	s.waitLog("work behind the answer")
	counts(t, base, 14)
}
