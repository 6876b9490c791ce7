package integration

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestARequestThatTakesTooLongIs504AndTheLogSaysWhichAndWhy(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 1", "request_timeout 200ms"))
	pid := s.settled("app", 1).serving()[0]
	res := send(t, request(t, http.MethodPost, url+"/hang?id=7", nil))
	if res.StatusCode != http.StatusGatewayTimeout {
		t.Fatalf("status %d", res.StatusCode)
	}
	record := s.waitLog("killed a worker that took too long")
	elapsed, _ := record["elapsed"].(float64)
	output, _ := record["output"].([]any)
	if record["method"] != "POST" || record["uri"] != "/hang?id=7" || record["pid"] != float64(pid) || record["pool"] != "app" ||
		elapsed < 0.2 || !slices.Contains(output, any("hangs")) {
		t.Errorf("the record says %v", record)
	}
	if p := s.settled("app", 1); p.Restarts["timeout"] != 1 || slices.Contains(p.serving(), pid) {
		t.Errorf("afterwards the pool is %+v", p)
	}
	if n := len(s.logs.records("killed a worker that took too long")); n != 1 {
		t.Errorf("%d records tell of one request", n)
	}
}

func TestEarlyHintsDoNotEndTheTimeOfARequest(t *testing.T) {
	t.Parallel()
	s, url := loop.site(t, "workers 1", "request_timeout 200ms")
	g := newGate(t) // never opens
	res := send(t, request(t, http.MethodGet, url+"/hints?gate="+g.path, nil))
	if res.StatusCode != http.StatusGatewayTimeout {
		t.Fatalf("status %d", res.StatusCode)
	}
	if elapsed, _ := s.waitLog("killed a worker that took too long")["elapsed"].(float64); elapsed < 0.2 {
		t.Errorf("killed after %v s", elapsed)
	}
}

func TestAStreamThatFallsSilentIsCutSoThatTheClientCanTell(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 1", "stream_idle_timeout 200ms"))
	pid := s.settled("app", 1).serving()[0]
	res := send(t, request(t, http.MethodGet, url+"/silent", nil))
	text, err := io.ReadAll(res.Body)
	if err == nil || string(text) != "tick\n" || res.StatusCode != http.StatusOK {
		t.Errorf("status %d, %q, error %v: a client would take this for the whole answer", res.StatusCode, text, err)
	}
	record := s.waitLog("the answer broke off")
	output, _ := record["output"].([]any)
	if record["method"] != "GET" || record["uri"] != "/silent" || record["pid"] != float64(pid) || record["elapsed"] == nil ||
		!slices.Contains(output, any("falls silent")) {
		t.Errorf("the record says %v", record)
	}
	if p := s.settled("app", 1); p.Restarts["timeout"] != 1 || slices.Contains(p.serving(), pid) {
		t.Errorf("afterwards the pool is %+v", p)
	}
}

func TestATimeoutKillsWhatPHPHasStartedToo(t *testing.T) {
	t.Parallel()
	// The wrapper's PHP is its child: only the group reaches both.
	worker := absolute(t, "testdata/chaos/worker.php")
	s, url := site(t, "php_worker {\nname app\ncommand sh -c \"php "+worker+"; exit\"\nworkers 1\nrequest_timeout 200ms\n}")
	before := s.workers()
	if len(before) != 2 {
		t.Fatalf("processes %v, want a shell and its PHP", before)
	}
	if status, _ := get(t, url+"/hang?deaf"); status != http.StatusGatewayTimeout {
		t.Errorf("status %d", status)
	}
	eventually(t, "shell and PHP are gone", func() bool { return s.gone(before) })
}

func TestABootThatTakesTooLongRejectsTheReload(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, chaosWorker(t, "workers 1", env("RELEASE", "1")))
	_, address, _ := strings.Cut(url, "//")
	status, text := s.load("http://" + address + " {\n" + chaosWorker(t, "workers 1", "boot_timeout 300ms", env("BOOT_GATE", gate.path)) + "\n}\n")
	if status != http.StatusBadRequest || !strings.Contains(text, "did not ask for a request in time") || !strings.Contains(text, "boot_timeout") {
		t.Errorf("status %d, %s", status, text)
	}
	// The rejected configuration's server, which had the port already, is shutting down.
	if a := askFresh(t.Context(), http.MethodGet, url+"/"); a.status != http.StatusOK || a.body != "1" {
		t.Errorf("the old pool: status %d, %q, error %v", a.status, a.body, a.err)
	}
}
