package integration

import (
	"bufio"
	"context"
	"net/http"
	"path/filepath"
	"testing"
)

// Caddy's own duration is 0 for a stream whose client has gone.
func TestTheAccessLogTellsHowLongAStreamHasHeldItsWorker(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	s, url := site(t, "log\n"+lifeWorker(t, "workers 1", env("GATE", gate)))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := fresh.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for range 50 { // the worker sleeps for a millisecond between two
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	record := s.waitLog("handled request")
	if held, _ := record["php_worker.held_ms"].(float64); held < 40 {
		t.Errorf("the access log says %v", record)
	}
}

func TestStreamsThatHoldAllWorkersAreWarnedOf(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	s, url := site(t, lifeWorker(t, "workers 2", release("one"), env("GATE", gate)))
	answers := []<-chan answer{inBackground(t, http.MethodGet, url+"/stream", nil), inBackground(t, http.MethodGet, url+"/stream", nil)}
	s.waitRecords("streams", 2)
	waits := inBackground(t, http.MethodGet, url+"/", nil)
	record := s.waitLog("hold all workers")
	if record["level"] != "warn" || record["streams"] != 2.0 || record["waiting"] != 1.0 {
		t.Errorf("the log says %v", record)
	}
	openGate(t, gate)
	for _, answer := range append(answers, waits) {
		if a := <-answer; a.status != http.StatusOK {
			t.Errorf("status %d, %v", a.status, a.err)
		}
	}
}
