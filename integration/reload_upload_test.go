package integration

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// begin sends the head of an upload and waits until the server reads the body.
func (d *dialed) begin(path string, length int) {
	d.t.Helper()
	d.say("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, d.RemoteAddr(), length)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := d.ReadString('\n'); err != nil || line != want {
			d.t.Fatalf("the server said %q, error %v, want %q", line, err, want)
		}
	}
}

func TestAnUploadDuringAReloadIsAnsweredByThePoolItCameFor(t *testing.T) {
	t.Parallel()
	script := absolute(t, "testdata/chaos/worker.php")
	for name, next := range map[string]string{
		"that has another name now":  directive(script, "name next", "workers 1"),
		"that has another codec now": chaosWorker(t, "codec proto", "workers 1"),
		"that is gone":               "respond gone",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			// Nobody asks the second pool for anything: it ends at once.
			idle := "handle /idle {\n" + directive(script, "name idle", "workers 1") + "\n}\n"
			s := start(t, on(port, idle, chaosWorker(t, "workers 1")))
			unused, old := s.settled("idle", 1).serving(), s.settled("app", 1).serving()
			text := strings.Repeat("x", 100_000)
			d := dialSite(t, base(port))
			d.begin("/sum", len(text))
			d.say("%s", text[:1000])
			if status, said := s.load(on(port, next)); status != http.StatusOK {
				t.Fatalf("reloading: status %d, %s", status, said)
			}
			eventually(t, "the pool that nobody uses is gone", func() bool { return s.gone(unused) })
			d.say("%s", text[1000:])
			if res, body := d.response(http.MethodPost); res.StatusCode != http.StatusOK || body != fmt.Sprintf("%x", md5.Sum([]byte(text))) {
				t.Errorf("the upload got status %d, %q", res.StatusCode, body)
			}
			eventually(t, "then the old pool ends, too", func() bool { return s.gone(old) })
		})
	}
}

// An upload that breaks off gives the pool free as well.
func TestAnUploadThatBreaksOffDoesNotKeepAReplacedPool(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	s := start(t, on(port, chaosWorker(t, "workers 1")))
	old := s.settled("app", 1).serving()
	d := dialSite(t, base(port))
	d.begin("/sum", 1000)
	if status, said := s.load(on(port, "respond gone")); status != http.StatusOK {
		t.Fatalf("reloading: status %d, %s", status, said)
	}
	d.Conn.Close()
	eventually(t, "the old pool ends", func() bool { return s.gone(old) })
}

// Each reload that changes the pool would keep a whole pool otherwise, for as long as a client stalls.
func TestAReplacedPoolKeepsNoMoreWorkersThanItsUploadsNeed(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	s := start(t, on(port, chaosWorker(t, "workers 4", "env RELOAD 0")))
	text := strings.Repeat("x", 1000)
	var stalled []*dialed
	for i := range 3 {
		s.settled("app", 4)
		d := dialSite(t, base(port))
		d.begin("/sum", len(text))
		stalled = append(stalled, d)
		if status, said := s.load(on(port, chaosWorker(t, "workers 4", fmt.Sprintf("env RELOAD %d", i+1)))); status != http.StatusOK {
			t.Fatalf("reloading: status %d, %s", status, said)
		}
	}
	eventually(t, "four workers serve, and one is there for each upload", func() bool { return len(s.workers()) == 4+len(stalled) })
	for _, d := range stalled {
		d.say("%s", text)
		if res, body := d.response(http.MethodPost); res.StatusCode != http.StatusOK || body != fmt.Sprintf("%x", md5.Sum([]byte(text))) {
			t.Errorf("the upload got status %d, %q", res.StatusCode, body)
		}
	}
	eventually(t, "the old pools are gone", func() bool { return len(s.workers()) == 4 })
}
