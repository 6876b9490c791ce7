package integration

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// front is the PHP end of the relay: our own loop, or the unmodified packages of
// a vendor folder. The application behind it is the same, testdata/app.
type front struct {
	name    string
	folder  string   // holds vendor/; empty for our own loop
	options []string // lines for the php_worker block
}

// loop is our own loop.
var loop = front{name: "our loop"}

// directive is a php_worker block that runs the application.
func (app front) directive(lines ...string) string {
	script, err := filepath.Abs("testdata/app/worker.php")
	if err != nil {
		panic(err)
	}
	lines = append(lines, app.options...)
	if app.folder != "" {
		lines = append(lines, fmt.Sprintf("env PHP_VENDOR_DIR %q", app.folder))
	}
	return fmt.Sprintf("php_worker * %q {\n\t%s\n}\n", script, strings.Join(lines, "\n\t"))
}

// site starts Caddy with the application alone.
func (app front) site(t *testing.T, lines ...string) (*server, string) {
	t.Helper()
	return site(t, app.directive(lines...))
}

// able asks the application what its end of the relay can do: "stream", "stop"
// (end a stream when the client has gone) and "hints".
func (app front) able(t *testing.T, url string) func(string) bool {
	t.Helper()
	status, words := get(t, url+"/able")
	if status != http.StatusOK {
		t.Fatalf("the application does not answer: status %d, %s", status, words)
	}
	if app.folder == "" && words != "stream stop hints" {
		t.Fatalf("our loop is able to %q only", words)
	}
	return func(word string) bool { return slices.Contains(strings.Fields(words), word) }
}

// seen is what the application saw of a request.
type seen struct {
	Method, URI, Path, Protocol string
	Headers                     map[string][]string // names in lower case
	Cookies                     map[string]any
	Query, Parsed, Files        json.RawMessage
	Attributes                  map[string]any
	Remote, SHA1, Body          string
	Length                      int
	PID, Served                 int
}

// tell sends the request and returns what the application saw of it.
func tell(t *testing.T, r *http.Request) seen {
	t.Helper()
	status, body := do(t, r)
	if status != http.StatusOK {
		t.Fatalf("%s %s: status %d, %s", r.Method, r.URL, status, body)
	}
	return parseSeen(t, body)
}

func parseSeen(t *testing.T, body string) seen {
	t.Helper()
	var s seen
	decode(t, []byte(body), &s)
	return s
}

// worker asks which process serves, and how many requests it has seen, this one
// included.
func worker(t *testing.T, url string) (pid, served int) {
	t.Helper()
	status, body := get(t, url+"/pid")
	if _, err := fmt.Sscan(body, &pid, &served); status != http.StatusOK || err != nil {
		t.Fatalf("asking for the pid: status %d, %q", status, body)
	}
	return pid, served
}

// answerRequest asks the application for an answer with this status, these
// headers and this body.
func answerRequest(t *testing.T, url string, status int, headers map[string][]string, body string) *http.Request {
	t.Helper()
	want, err := json.Marshal(map[string]any{"status": status, "headers": headers, "body": body})
	if err != nil {
		t.Fatal(err)
	}
	return request(t, http.MethodPost, url+"/answer", bytes.NewReader(want))
}

// send returns the response; the test's end closes its body.
func send(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// gate is a named pipe: the application waits at it until the test lets it go on,
// so that no test has to guess how long something takes.
type gate struct {
	t    *testing.T
	path string
	file *os.File
}

func newGate(t *testing.T) *gate {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// Read and write, so that neither end ever waits for the other to open it.
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t, path, file}
	t.Cleanup(func() {
		// Lets go whatever a failed test has left behind.
		_, _ = file.WriteString(strings.Repeat("end\n", 16))
		file.Close()
	})
	return g
}

// open lets the application pass once; it reads the word.
func (g *gate) open(word string) {
	g.t.Helper()
	if _, err := g.file.WriteString(word + "\n"); err != nil {
		g.t.Fatal(err)
	}
}

func readAll(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func decode(t *testing.T, text []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// sum is what PHP's sha1() says.
func sum(text string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(text))) }

// outcome is the outcome of a request.
type outcome struct {
	status int
	body   string
	err    error
}

// asking sends the request; the outcome comes through the channel.
func asking(r *http.Request) <-chan outcome {
	result := make(chan outcome, 1)
	go func() {
		res, err := client.Do(r)
		if err != nil {
			result <- outcome{err: err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		result <- outcome{res.StatusCode, string(body), err}
	}()
	return result
}
