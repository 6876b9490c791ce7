package integration

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
)

// Every limit ends a worker after a response, and its replacement is ready before
// it goes: with a single worker somebody would notice.
func TestAWorkerIsReplacedAtEachLimitWithoutAnybodyNoticing(t *testing.T) {
	t.Parallel()
	for reason, c := range map[string]struct{ limit, path string }{
		"max_requests": {"max_requests 20", "/pid"},
		"max_memory":   {"max_memory 48MiB", "/leak"},
		"max_lifetime": {"max_lifetime 300ms", "/pid"},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s, url := site(t, chaosWorker(t, "workers 1", c.limit), quiet)
			traffic := startTraffic(t, 2, always(url+c.path), nil)
			eventually(t, "three workers have reached the limit", func() bool { return s.pool("app").Restarts[reason] >= 3 })
			got := traffic.end()
			got.wantNoFailure(t)
			if p := s.pool("app"); p.Restarts["crash"] > 0 || len(p.Restarts) != 1 {
				t.Errorf("workers ended for these reasons: %v", p.Restarts)
			}
		})
	}
}

func TestMaxRequestsIsSpreadUpwardsByTheJitter(t *testing.T) {
	t.Parallel()
	served := make(map[int]int) // by PID; under the lock of traffic
	s, url := site(t, chaosWorker(t, "workers 1", "max_requests 20 100"), quiet)
	traffic := startTraffic(t, 1, always(url+"/pid"), func(r received) {
		pid, _ := strconv.Atoi(r.body)
		served[pid]++
	})
	const n = 12
	eventually(t, "workers have reached their limits", func() bool { return s.pool("app").Restarts["max_requests"] >= n })
	traffic.end().wantNoFailure(t)
	var counts []int
	for _, record := range s.logs.records("worker stopped") {
		if record["reason"] == "max_requests" {
			counts = append(counts, int(record["requests"].(float64)))
		}
	}
	if slices.Min(counts) < 20 {
		t.Errorf("a worker ended after %d requests, before its limit", slices.Min(counts))
	}
	if slices.Min(counts) == slices.Max(counts) {
		t.Errorf("%d workers ended after %d requests each: nothing is spread", len(counts), counts[0])
	}
}

func TestTheLastRequestOfAWorkerDoesNotWaitForItsEnd(t *testing.T) {
	t.Parallel()
	// The worker stays deaf at its gate after the response, until long after the
	// client has gone on.
	gate := newGate(t)
	s, url := site(t, chaosWorker(t, "workers 1", "max_requests 1 0"))
	first := s.settled("app", 1).serving()[0]
	if status, body := get(t, url+"/later?gate="+gate.path); status != http.StatusOK || body != strconv.Itoa(first) {
		t.Fatalf("status %d, %q", status, body)
	}
	s.waitLog("works after the response")
	eventually(t, "another worker serves", func() bool {
		status, body := get(t, url+"/pid")
		return status == http.StatusOK && body != strconv.Itoa(first)
	})
	gate.open("done")
	eventually(t, "the worker is gone", func() bool { return !slices.Contains(s.workers(), first) })
}
