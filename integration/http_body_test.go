package integration

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	big = 50 << 20
	// flat is how much the resident memory of Caddy may grow, in bytes, while
	// bodies of 50 MB pass: a fraction of a single one.
	flat = 16 << 20
)

// testLargeBodies sends 50 MB both ways. Caddy must never hold them in memory.
func testLargeBodies(t *testing.T, app front) {
	s, url := app.site(t, "workers 1", "ini memory_limit 1G", "body_memory 1MB")
	able := app.able(t, url)
	for range 20 { // until everything has its usual size
		get(t, url+"/big?size=100000")
	}
	before := s.resident("VmHWM")

	for _, length := range []int64{big, -1} {
		content := newPattern(big)
		r := request(t, http.MethodPut, url+"/", content)
		r.ContentLength = length
		if got := tell(t, r); got.Length != big || got.SHA1 != content.sum() {
			t.Errorf("of %d bytes (announced: %d) %d arrived, sha1 %s, want %s", big, length, got.Length, got.SHA1, content.sum())
		}
	}
	content := newPattern(big)
	body, kind := multipartOf(content)
	r := request(t, http.MethodPost, url+"/", body)
	r.Header.Set("Content-Type", kind)
	var files struct{ File struct{ Size, Error int } }
	var hash struct{ File struct{ SHA1 string } }
	got := tell(t, r)
	decode(t, got.Files, &files)
	decode(t, got.Files, &hash)
	if files.File.Size != big || files.File.Error != 0 || hash.File.SHA1 != content.sum() {
		t.Errorf("a file of %d bytes arrived as %+v, sha1 %s, want %s", big, files, hash.File.SHA1, content.sum())
	}

	paths := []string{"/big"}
	if able("stream") {
		paths = append(paths, "/bigstream")
	}
	for _, path := range paths {
		res := send(t, request(t, http.MethodGet, url+path+"?size="+strconv.Itoa(big), nil))
		var read xs
		if _, err := io.Copy(&read, res.Body); err != nil || read.good != big || read.bad > 0 {
			t.Errorf("%s: %d of %d bytes came, %d wrong ones, %v", path, read.good, big, read.bad, err)
		}
		if path == "/big" && res.ContentLength != big {
			t.Errorf("an answer in one frame has the length %d", res.ContentLength)
		}
	}

	if grown := s.resident("VmHWM") - before; grown > flat {
		t.Errorf("Caddy grew by %d MB at its highest, while bodies of 50 MB passed", grown>>20)
	} else {
		t.Logf("Caddy grew by %.1f MB at its highest", float64(grown)/(1<<20))
	}
}

// resident reads a figure about Caddy's memory, in bytes.
func (s *server) resident(figure string) int64 {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile(figure + `:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		s.t.Fatalf("no %s in\n%s", figure, status)
	}
	kib, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return kib << 10
}

// pattern is a body that is made while it is read; no two of its 64 KB are alike.
type pattern struct {
	io.Reader
	hash interface{ Sum([]byte) []byte }
}

func newPattern(size int64) *pattern {
	hash := sha1.New()
	return &pattern{io.TeeReader(io.LimitReader(&counter{}, size), hash), hash}
}

func (p *pattern) sum() string { return fmt.Sprintf("%x", p.hash.Sum(nil)) }

type counter struct{ n uint64 }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.n * 0x9e3779b97f4a7c15 >> 56)
		c.n++
	}
	return len(p), nil
}

// xs counts the bytes that are "x", and the others.
type xs struct{ good, bad int }

func (x *xs) Write(p []byte) (int, error) {
	n := bytes.Count(p, []byte("x"))
	x.good += n
	x.bad += len(p) - n
	return len(p), nil
}

// multipartOf is a form with one file, made while it is read.
func multipartOf(content io.Reader) (body io.Reader, contentType string) {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	_, _ = w.CreateFormFile("file", "big.bin")
	foot := "\r\n--" + w.Boundary() + "--\r\n"
	return io.MultiReader(&head, content, strings.NewReader(foot)), w.FormDataContentType()
}

// TestRequestLimits sends too much of everything: the answer is 413 (400 for what
// breaks the format), PHP never hears of it, and no file is left.
func TestRequestLimits(t *testing.T) {
	t.Parallel()
	uploads := t.TempDir()
	_, url := loop.site(t, "workers 1", "max_body 1MB", "body_memory 1KB",
		fmt.Sprintf("uploads {\ndir %q\nmax_files 2\nforbid exe\n}", uploads))
	pid, before := worker(t, url)
	refused := 0
	for _, c := range []struct {
		name   string
		body   io.Reader
		length int64 // -1: chunked
		kind   string
		status int
	}{
		{"exactly max_body", newPattern(1e6), 1e6, "", 200},
		{"exactly max_body, chunked", newPattern(1e6), -1, "", 200},
		{"one byte more, announced", newPattern(1e6 + 1), 1e6 + 1, "", 413},
		{"one byte more, chunked", newPattern(1e6 + 1), -1, "", 413},
		{"much more, chunked", newPattern(20e6), -1, "", 413},
		{"a form that is too large", newPattern(1e6 + 1), -1, "application/x-www-form-urlencoded", 413},
		{"a file that is too large", formOf(1e6), -1, boundary, 413},
		{"as many files as may be", formOf(10, 10), -1, boundary, 200},
		{"a file too many", formOf(10, 10, 10), -1, boundary, 413},
		{"no boundary", formOf(10), -1, "multipart/form-data", 400},
		{"another boundary", formOf(10), -1, "multipart/form-data; boundary=other", 400},
		{"a form cut off", io.LimitReader(formOf(1000), 500), -1, boundary, 400},
	} {
		r := request(t, http.MethodPost, url+"/", c.body)
		r.ContentLength = c.length
		r.Header.Set("Content-Type", c.kind)
		r.Header.Set("Expect", "100-continue") // or the client may fail while it still writes
		status, body := do(t, r)
		if status != c.status {
			t.Errorf("%s: status %d, want %d; %.200s", c.name, status, c.status, body)
		}
		if c.status != 200 {
			refused++
		}
	}
	if now, served := worker(t, url); now != pid || served != before+1+3 {
		t.Errorf("worker %d has served %d requests, before it was %d with %d; %d were to be refused", now, served, pid, before, refused)
	}
	eventually(t, "no upload is left", func() bool {
		left, err := os.ReadDir(uploads)
		return err == nil && len(left) == 0
	})
}

// TestForbiddenUploadsReachPHPAsErrors stores what is allowed only.
func TestForbiddenUploadsReachPHPAsErrors(t *testing.T) {
	t.Parallel()
	uploads := t.TempDir()
	_, url := loop.site(t, "workers 1", fmt.Sprintf("uploads {\ndir %q\nforbid txt\n}", uploads))
	r := request(t, http.MethodPost, url+"/", formOf(10))
	r.Header.Set("Content-Type", boundary)
	var files struct{ F0 struct{ Error int } }
	decode(t, tell(t, r).Files, &files)
	if files.F0.Error != 8 {
		t.Errorf("a forbidden extension arrived with the error %d, want 8", files.F0.Error)
	}
}

// TestFormLimitsComeFromPHPIni sets the limits of forms where PHP has them.
func TestFormLimitsComeFromPHPIni(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1", "ini max_input_vars 2000", "ini max_input_nesting_level 3", "ini upload_max_filesize 1K", "ini max_file_uploads 2")
	send := func(kind string, body io.Reader) (int, string) {
		r := request(t, http.MethodPost, url+"/", body)
		r.Header.Set("Content-Type", kind)
		return do(t, r)
	}
	const urlencoded = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		what, kind string
		body       io.Reader
		status     int
	}{
		{"2,000 fields", urlencoded, strings.NewReader("a=1" + strings.Repeat("&a=1", 1999)), 200},
		{"2,001 fields", urlencoded, strings.NewReader("a=1" + strings.Repeat("&a=1", 2000)), 400},
		{"three levels", urlencoded, strings.NewReader("a[b][c][d]=1"), 200},
		{"four levels", urlencoded, strings.NewReader("a[b][c][d][e]=1"), 400},
		{"three files", boundary, formOf(1, 1, 1), 413},
		{"16 MiB and a byte", urlencoded, newPattern(16<<20 + 1), 413},
	} {
		if status, body := send(c.kind, c.body); status != c.status {
			t.Errorf("%s: status %d, want %d; %.200s", c.what, status, c.status, body)
		}
	}
	status, body := send(boundary, formOf(1024, 1025))
	var files struct{ F0, F1 struct{ Error int } }
	if status == 200 {
		decode(t, parseSeen(t, body).Files, &files)
	}
	if status != 200 || files.F0.Error != 0 || files.F1.Error != 1 {
		t.Errorf("status %d, a file of upload_max_filesize has the error %d, one byte more %d", status, files.F0.Error, files.F1.Error)
	}
}

const boundary = "multipart/form-data; boundary=limit"

// formOf is a form with one file for each size, fields f0, f1, and so on.
func formOf(sizes ...int64) io.Reader {
	var parts []io.Reader
	for i, size := range sizes {
		head := fmt.Sprintf("--limit\r\nContent-Disposition: form-data; name=\"f%d\"; filename=\"%d.txt\"\r\n\r\n", i, i)
		parts = append(parts, strings.NewReader(head), newPattern(size), strings.NewReader("\r\n"))
	}
	return io.MultiReader(append(parts, strings.NewReader("--limit--\r\n"))...)
}

// TestBodiesAboveBodyMemoryLeaveNoFile looks for spooled bodies while PHP has one.
func TestBodiesAboveBodyMemoryLeaveNoFile(t *testing.T) {
	t.Parallel()
	uploads := t.TempDir()
	s, url := loop.site(t, "workers 1", "body_memory 1KB", fmt.Sprintf("uploads {\ndir %q\n}", uploads))
	g := newGate(t)
	answer := asking(request(t, http.MethodPost, url+"/wait?id=1&gate="+g.path, newPattern(1e6)))
	s.waitLog("entered 1")
	if left, err := filepath.Glob(filepath.Join(uploads, "*")); err != nil || len(left) > 0 {
		t.Errorf("a body lies in %q, %v: whatever happens to Caddy, it would stay there", left, err)
	}
	g.open("done")
	if got := <-answer; got.body != "done" || got.err != nil {
		t.Errorf("answered %+v", got)
	}
}
