package integration

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"
)

const (
	// smallMemory is the smallest bound of a pool.
	smallMemory = 64_000_000
	// ceiling is what Caddy may grow by at most, in bytes, where a pool may hold
	// smallMemory: Go's heap is up to twice what is in use, and there is what a
	// connection costs Caddy itself. Without the bound it would be gigabytes.
	ceiling = 250 << 20
)

// wantNothingHeld waits until no request and no answer is in memory any more.
func (s *server) wantNothingHeld() {
	s.t.Helper()
	eventually(s.t, "no memory is held for requests and answers", func() bool { return s.pool("app").HeldBytes == 0 })
}

// wantFlat fails if Caddy has grown by more than ceiling since before.
func (s *server) wantFlat(before int64) {
	s.t.Helper()
	grown := s.resident("VmHWM") - before
	if grown > ceiling {
		s.t.Errorf("Caddy grew by %d MB at its highest", grown>>20)
	}
	s.t.Logf("Caddy grew by %d MB at its highest", grown>>20)
}

func md5Of(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestLargeFormsAtOnceStayWithinTheBound sends as many of the largest forms as somebody may
// choose: those that PHP can take arrive, and those that it cannot are refused.
func TestLargeFormsAtOnceStayWithinTheBound(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 1", "memory 64MB", "ini memory_limit 128M"), quiet)
	s.settled("app", 1)
	before := s.resident("VmHWM")
	value := strings.Repeat("0123456789abcdef", 15<<16)
	control := strings.Repeat("\x01", 16<<20-2)
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			body, want := value, http.StatusOK
			switch i % 3 {
			case 1:
				body = control[:5<<20] // 30 MiB of JSON
			case 2:
				body, want = control, http.StatusRequestEntityTooLarge
			}
			r := request(t, http.MethodPost, url+"/field", strings.NewReader("a="+body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			status, text := do(t, r)
			if status != want || want == http.StatusOK && text != md5Of(body) {
				t.Errorf("status %d, want %d: %.100s", status, want, text)
			}
		})
	}
	all.Wait()
	s.wantNothingHeld()
	s.wantFlat(before)
	if served := s.settled("app", 1).requests(); served != 16 {
		t.Errorf("the worker has served %d forms; one that had fallen was replaced", served)
	}
}

// frames is one HTTP/2 connection without TLS, frame by frame.
type frames struct {
	t *testing.T
	*http2.Framer
	conn net.Conn
}

// dialFrames opens a connection whose streams have a window of so many bytes.
func dialFrames(t *testing.T, url string, window uint32) *frames {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := &frames{t, http2.NewFramer(conn, bufio.NewReader(conn)), conn}
	f.check(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}))
	return f
}

func (f *frames) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// ask sends a GET request as stream n.
func (f *frames) ask(n uint32, path string) {
	f.t.Helper()
	f.request(n, http.MethodGet, path)
}

// request sends one without a body as stream n.
func (f *frames) request(n uint32, method, path string) {
	f.t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", method}, {":scheme", "http"}, {":authority", "127.0.0.1"}, {":path", path}} {
		f.check(encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}))
	}
	f.check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: n, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
}

// readAll reads until so many streams have ended, and returns how many bytes each has had. It
// fails for a byte that is not x.
func (f *frames) readAll(streams int) map[uint32]int {
	f.t.Helper()
	sizes := make(map[uint32]int)
	for ended := 0; ended < streams; {
		frame, err := f.ReadFrame()
		f.check(err)
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.check(f.WriteSettingsAck())
			}
		case *http2.DataFrame:
			if n := bytes.Count(frame.Data(), []byte("x")); n != len(frame.Data()) {
				f.t.Fatalf("stream %d: %d bytes are not the answer's", frame.StreamID, len(frame.Data())-n)
			}
			sizes[frame.StreamID] += len(frame.Data())
			if frame.StreamEnded() {
				ended++
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			f.t.Fatalf("%v", frame)
		}
	}
	return sizes
}

// TestAnswersThatNobodyReadsStayWithinTheBound asks for far more over one connection than
// may be in memory, and reads nothing until PHP has made all of it.
func TestAnswersThatNobodyReadsStayWithinTheBound(t *testing.T) {
	t.Parallel()
	const answers, length = 200, 7_000_000
	spool := t.TempDir()
	s, url := site(t, chaosWorker(t, "workers 2", "memory 64MB", env("RELEASE", "1"), fmt.Sprintf("uploads {\ndir %q\n}", spool)),
		quiet, h2c)
	s.settled("app", 2)
	before := s.resident("VmHWM")
	f := dialFrames(t, url, 1)
	for i := range uint32(answers) {
		f.ask(2*i+1, fmt.Sprintf("/bytes?n=%d", length))
	}
	eventually(t, "the workers have made all answers", func() bool { return s.pool("app").requests() == answers })
	s.wantIdle(2)
	p := s.pool("app")
	if p.MaxHeldBytes != smallMemory || p.HeldBytes > p.MaxHeldBytes || p.HeldBytes < length {
		t.Errorf("%d bytes of %d are held", p.HeldBytes, p.MaxHeldBytes)
	}
	if held := s.metrics()[`caddy_php_worker_held_bytes{pool="app"}`]; held != float64(p.HeldBytes) {
		t.Errorf("the metric says %v, the admin endpoint %d", held, p.HeldBytes)
	}
	wantEmpty(t, spool)
	if status, body := get(t, url+"/"); status != http.StatusOK || body != "1" {
		t.Errorf("another client meanwhile: status %d, %s", status, body)
	}
	s.wantFlat(before)

	f.check(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: length + 1}))
	f.check(f.WriteWindowUpdate(0, answers*length))
	for n, size := range f.readAll(answers) {
		if size != length {
			t.Errorf("stream %d has %d bytes", n, size)
		}
	}
	s.wantNothingHeld()
	s.wantFlat(before)
	if open := s.spooled(spool); open > 0 {
		t.Errorf("%d files are still open", open)
	}
}

// spooled counts the open files of Caddy that are, or were, in the folder.
func (s *server) spooled(folder string) (n int) {
	fds := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	entries, _ := os.ReadDir(fds)
	for _, e := range entries {
		if name, err := os.Readlink(fds + "/" + e.Name()); err == nil && strings.HasPrefix(name, folder) {
			n++
		}
	}
	return n
}

// TestAnswersThatNoFileTakesAreWhole has answers without room in memory, and files that
// cannot be made, or that end early: the workers are held then, and nothing is lost.
func TestAnswersThatNoFileTakesAreWhole(t *testing.T) {
	t.Parallel()
	const answers, length = 16, 7_000_000
	for what, harm := range map[string]func(t *testing.T, s *server, spool string){
		"no folder": func(t *testing.T, _ *server, spool string) {
			if err := os.RemoveAll(spool); err != nil {
				t.Fatal(err)
			}
		},
		"a full disk": func(t *testing.T, s *server, _ string) {
			setLimit(t, s.cmd.Process.Pid, unix.RLIMIT_FSIZE, 1_000_000)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			spool := filepath.Join(t.TempDir(), "spool")
			if err := os.Mkdir(spool, 0o700); err != nil {
				t.Fatal(err)
			}
			s, url := site(t, chaosWorker(t, "workers 2", "memory 64MB", fmt.Sprintf("uploads {\ndir %q\n}", spool)),
				quiet, h2c)
			s.settled("app", 2)
			harm(t, s, spool)
			f := dialFrames(t, url, 1)
			for i := range uint32(answers) {
				f.ask(2*i+1, fmt.Sprintf("/bytes?n=%d", length))
			}
			eventually(t, "slow answers hold both workers", func() bool {
				p := s.pool("app")
				return len(p.in("busy")) == 2 && p.Queue > 0 && p.HeldBytes > 3*length
			})
			f.check(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: length + 1}))
			f.check(f.WriteWindowUpdate(0, answers*length))
			for n, size := range f.readAll(answers) {
				if size != length {
					t.Errorf("stream %d has %d bytes", n, size)
				}
			}
			s.wantIdle(2)
			s.wantNothingHeld()
		})
	}
}

// manyNames is a form of 1000 fields with long names, without its end: 12 MB, which count twice.
func manyNames() string {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%d%s\r\n\r\nv\r\n", i, strings.Repeat("n", 12_000))
	}
	b.WriteString("--b\r\nContent-Disposition: form-data; name=a\r\n\r\nlast")
	return b.String()
}

const (
	multipartKind = "multipart/form-data; boundary=b"
	multipartEnd  = "\r\n--b--\r\n"
)

// beginForm sends a multipart form without its end.
func beginForm(c net.Conn, body string) error {
	_, err := fmt.Fprintf(c, "POST /field HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		multipartKind, len(body)+len(multipartEnd), body)
	return err
}

// TestFormsBeyondTheBoundAreTurnedAway fills the bound with forms that do not come to
// their end. What needs less is still answered, and all are when there is room again.
func TestFormsBeyondTheBoundAreTurnedAway(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 1", "memory 64MB", "ini max_input_vars 2000", env("RELEASE", "1")), quiet)
	s.settled("app", 1)
	body := manyNames()
	conns := dialMany(t, url, 2)
	forAll(t, conns, "sending most of a form", func(c net.Conn) error { return beginForm(c, body) })
	eventually(t, "the forms are in memory", func() bool { return s.pool("app").HeldBytes > 2*2*12_000_000 })
	third := func() (*http.Response, string) {
		r := request(t, http.MethodPost, url+"/field", strings.NewReader(body+multipartEnd))
		r.Header.Set("Content-Type", multipartKind)
		res := send(t, r)
		return res, readAll(t, res)
	}
	if res, _ := third(); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("a form beyond the bound: status %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	if n := s.pool("app").Rejected["memory"]; n != 1 {
		t.Errorf("%d requests were turned away for memory, says the admin endpoint", n)
	}
	if status, body := get(t, url+"/"); status != http.StatusOK || body != "1" {
		t.Errorf("a request without a form: status %d, %s", status, body)
	}
	raw := strings.Repeat("r", 100_000)
	if status, body := do(t, request(t, http.MethodPost, url+"/sum", strings.NewReader(raw))); status != http.StatusOK || body != md5Of(raw) {
		t.Errorf("a body that can go to a file: status %d, %s", status, body)
	}
	forAll(t, conns, "sending the rest", func(c net.Conn) error {
		if _, err := io.WriteString(c, multipartEnd); err != nil {
			return err
		}
		return wantAnswer(c, md5Of("last"))
	})
	if res, body := third(); res.StatusCode != http.StatusOK || body != md5Of("last") {
		t.Errorf("with room again: status %d, %s", res.StatusCode, body)
	}
	s.wantNothingHeld()
}

// TestFormValuesThatComeSlowlyStayWithinTheBound sends many large values and not their ends.
func TestFormValuesThatComeSlowlyStayWithinTheBound(t *testing.T) {
	t.Parallel()
	spool := t.TempDir()
	s, url := site(t, chaosWorker(t, "workers 1", "memory 64MB", env("RELEASE", "1"), fmt.Sprintf("uploads {\ndir %q\n}", spool)), quiet)
	s.settled("app", 1)
	before := s.resident("VmHWM")
	const forms = 40
	value := strings.Repeat("0123456789abcdef", 8<<16)
	conns := dialMany(t, url, forms)
	forAll(t, conns, "sending most of a form", func(c net.Conn) error {
		return beginForm(c, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n"+value)
	})
	eventually(t, "the values are in files", func() bool { return s.spooled(spool) >= forms })
	if p := s.pool("app"); p.HeldBytes > p.MaxHeldBytes/2+forms*64<<10 {
		t.Errorf("%d bytes are held", p.HeldBytes)
	}
	wantEmpty(t, spool)
	forAll(t, conns, "sending the rest", func(c net.Conn) error {
		if _, err := io.WriteString(c, multipartEnd); err != nil {
			return err
		}
		return wantAnswer(c, md5Of(value))
	})
	s.wantNothingHeld()
	s.wantFlat(before)
}
