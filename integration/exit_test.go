package integration

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ends proves that Caddy ends, well, and leaves nothing behind.
func (s *server) ends() {
	s.t.Helper()
	s.waitExit()
	if s.err != nil {
		s.t.Errorf("caddy ended with %v", s.err)
	}
	if left := s.workers(); len(left) > 0 {
		s.t.Errorf("the processes %v outlived caddy", left)
	}
}

func TestSIGTERMGivesUpTheFirstBoot(t *testing.T) {
	t.Parallel()
	never := filepath.Join(t.TempDir(), "gate")
	s := launch(t, on(freePorts(t, 1)[0], lifeWorker(t, "name app", "workers 2", "boot_timeout 1h", env("BOOT_GATE", never))))
	s.waitLog("waits at its gate")
	s.signal(syscall.SIGTERM)
	s.waitExit()
	if left := s.workers(); len(left) > 0 {
		t.Errorf("the processes %v outlived caddy", left)
	}
}

func TestSIGTERMDuringAReloadGivesUpTheBootAndAnswersWhatRuns(t *testing.T) {
	t.Parallel()
	gate, never := newGate(t), filepath.Join(t.TempDir(), "gate")
	port := freePorts(t, 1)[0]
	s := start(t, on(port, chaosWorker(t, "workers 1")))
	under := inBackground(t, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/wait?gate=%s", port, gate.path), nil)
	s.waitLog("waits")
	config := s.caddyfile(on(port, lifeWorker(t, "name app", "workers 1", "boot_timeout 1h", env("BOOT_GATE", never))))
	load := request(t, http.MethodPost, "http://"+s.admin+"/load", strings.NewReader(config))
	load.Header.Set("Content-Type", "text/caddyfile")
	go func() {
		if res, err := client.Do(load); err == nil { // it is rejected, if there is time to say so
			res.Body.Close()
		}
	}()
	s.waitLog("waits at its gate")
	s.signal(syscall.SIGTERM)
	s.waitLog("servers shutting down")
	gate.open("done")
	if a := <-under; a.err != nil || a.status != http.StatusOK || a.body != "done" {
		t.Errorf("the request under way: %+v", a)
	}
	s.ends()
}

func TestAnEndlessLoopDoesNotKeepCaddyAlive(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 2", "drain_timeout 300ms"))
	var stuck []<-chan answer
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodGet} { // the last one waits in the queue
		stuck = append(stuck, inBackground(t, method, url+"/hang?deaf", nil))
	}
	s.waitRecords("hangs", 2)
	eventually(t, "one request waits", func() bool { return s.pool("app").Queue == 1 })
	s.signal(syscall.SIGTERM)
	for _, c := range stuck {
		if a := <-c; a.err != nil || a.status != http.StatusServiceUnavailable {
			t.Errorf("a request whose time is over: status %d, error %v", a.status, a.err)
		}
	}
	s.ends()
	s.waitLog("the time for what still runs is over")
}

// A pool that a reload has replaced by none is told of the end of Caddy by nobody.
func TestAnEndlessLoopOfAnEarlierConfigurationDoesNotKeepCaddyAlive(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	s := start(t, on(port, chaosWorker(t, "workers 1")))
	stuck := inBackground(t, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/hang", port), nil)
	s.waitLog("hangs")
	if status, text := s.load(on(port, "respond here")); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	s.signal(syscall.SIGTERM)
	if a := <-stuck; a.err != nil || a.status != http.StatusServiceUnavailable { // after the default time
		t.Errorf("status %d, error %v", a.status, a.err)
	}
	s.ends()
}

func TestRequestsAreAnsweredDuringShutdownDelay(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, chaosWorker(t, "workers 3", "drain_timeout 500ms", env("RELEASE", "1")), withGlobal("shutdown_delay 3s"))
	stuck := inBackground(t, http.MethodPost, url+"/hang", nil)
	s.waitLog("hangs")
	s.signal(syscall.SIGTERM)
	s.waitLog("shutdown scheduled")
	long := inBackground(t, http.MethodPost, url+"/wait?gate="+gate.path, nil)
	s.waitLog("waits")
	served := 0
	for { // until no connection is accepted any more
		a := askFresh(t.Context(), http.MethodGet, url+"/")
		if a.err != nil {
			break
		}
		if served++; a.status != http.StatusOK || a.body != "1" {
			t.Errorf("request %d during the delay: %+v", served, a)
			break
		}
	}
	if served == 0 {
		t.Error("no request was answered during the delay")
	}
	gate.open("done")
	if a := <-long; a.err != nil || a.status != http.StatusOK || a.body != "done" {
		t.Errorf("a request that came during the delay: %+v", a)
	}
	if a := <-stuck; a.err != nil || a.status != http.StatusServiceUnavailable {
		t.Errorf("the request that never ends: status %d, error %v", a.status, a.err)
	}
	s.ends()
}

func TestARequestMayTakeItsDrainTimeoutWhenItsWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 1", "drain_timeout 200ms"))
	stuck := inBackground(t, http.MethodGet, url+"/hang", nil)
	s.waitLog("hangs")
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=drained", "")
	if a := <-stuck; a.err != nil || a.status != http.StatusServiceUnavailable {
		t.Errorf("status %d, error %v", a.status, a.err)
	}
	if n := len(s.logs.records("hangs")); n != 1 {
		t.Errorf("the request was carried out %d times", n)
	}
}
