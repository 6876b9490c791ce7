package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestThePoolGrowsWhileRequestsWaitAndShrinksFromTheColdest(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 1 4", "idle_timeout 300ms", env("RELEASE", "1")))
	s.settled("app", 1)
	var gates []*gate
	var answers []<-chan answer
	for range 6 {
		g := newGate(t)
		gates = append(gates, g)
		answers = append(answers, inBackground(t, http.MethodGet, url+"/wait?gate="+g.path, nil))
	}
	s.waitRecords("waits", 4) // all that may be started are busy
	if p := s.pool("app"); len(p.Workers) != 4 || p.Queue != 2 || p.Desired != 4 {
		t.Errorf("with 6 requests for 4 workers the pool is %+v", p)
	}
	for _, g := range gates {
		g.open("done")
	}
	for _, a := range answers {
		if got := <-a; got.status != http.StatusOK {
			t.Errorf("a request that had to wait: %+v", got)
		}
	}
	if p := s.settled("app", 1); p.Restarts["idle"] != 3 || p.Rejected["queue_full"]+p.Rejected["queue_timeout"] != 0 {
		t.Errorf("after the idle timeout the pool is %+v", p)
	}
}

func TestAPoolOfZeroWorkersStartsOneWithTheFirstRequest(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 0 2", "idle_timeout 200ms", env("RELEASE", "1")))
	for range 2 {
		if pids := s.pool("app").in("idle", "busy", "booting"); len(pids) != 0 {
			t.Errorf("workers %v run although nobody asked for anything", pids)
		}
		s.wantAPI(http.StatusOK, http.MethodGet, "/php_worker/health", "") // ready all the same
		if status, body := get(t, url+"/"); status != http.StatusOK || body != "1" {
			t.Errorf("status %d, %q", status, body)
		}
		eventually(t, "all workers have gone", func() bool { return len(s.pool("app").Workers) == 0 })
	}
}

func TestOrdinaryRequestsUseAsFewWorkersAsTheyNeed(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 3"))
	s.settled("app", 3)
	for range 50 {
		get(t, url+"/pid")
	}
	var served []int
	for _, w := range s.pool("app").Workers {
		served = append(served, w.Requests)
	}
	if slices.Max(served) < 40 {
		t.Errorf("50 requests, one after the other, went to workers as %v: the hottest is not preferred", served)
	}
}

func TestMaxSurgeIsHowManyWorkersAreReplacedAtOnce(t *testing.T) {
	t.Parallel()
	for option, surge := range map[string]int{"": 1, "max_surge 2": 2} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			gate := filepath.Join(t.TempDir(), "gate")
			openGate(t, gate)
			s, _ := site(t, lifeWorker(t, "name app", "workers 3", option, env("BOOT_GATE", gate)))
			old := s.settled("app", 3).serving()
			if err := os.Remove(gate); err != nil {
				t.Fatal(err)
			}
			restarted := make(chan int, 1)
			go func() {
				_, code := s.command("restart")
				restarted <- code
			}()
			eventually(t, "new workers start", func() bool { return len(s.pool("app").in("booting")) == surge })
			if p := s.pool("app"); len(p.in("booting")) != surge || len(p.in("idle")) != len(old) {
				t.Errorf("%d workers start beside %d, want %d beside %d", len(p.in("booting")), len(p.in("idle")), surge, len(old))
			}
			openGate(t, gate)
			if code := <-restarted; code != 0 {
				t.Errorf("the restart ended with %d", code)
			}
		})
	}
}
