package integration

import (
	"net/http"
	"strconv"
	"testing"
)

func TestAWorkerThatStillWorksAfterItsResponseIsChosenLast(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, chaosWorker(t, "workers 2"))
	s.settled("app", 2)
	_, late := get(t, url+"/later?gate="+gate.path) // the one used last would be next
	s.waitLog("works after the response")
	for range 20 {
		if status, pid := get(t, url+"/pid"); status != http.StatusOK || pid == late {
			t.Fatalf("status %d by worker %s, which still works after its last response (%s)", status, pid, late)
		}
	}
	// With nobody else free, the request waits for one and is not lost.
	other := newGate(t)
	busy := inBackground(t, http.MethodGet, url+"/wait?gate="+other.path, nil)
	s.waitLog("waits")
	waiting := inBackground(t, http.MethodGet, url+"/pid", nil)
	eventually(t, "the request waits", func() bool { return s.pool("app").Queue == 1 })
	gate.open("done")
	if a := <-waiting; a.status != http.StatusOK || a.body != late {
		t.Errorf("the request that waited: %+v, want worker %s", a, late)
	}
	other.open("done")
	if a := <-busy; a.status != http.StatusOK {
		t.Errorf("the other: %+v", a)
	}
	if p := s.pool("app"); len(p.Restarts) > 0 {
		t.Errorf("workers %s ended: %v", strconv.Itoa(len(p.Workers)), p.Restarts)
	}
}
