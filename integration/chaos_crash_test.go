package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// journal is the file in which the workers note every POST that they carry out.
type journal struct{ path string }

func newJournal(t *testing.T) journal { return journal{filepath.Join(t.TempDir(), "journal")} }

// times says how often each request was carried out.
func (j journal) times() map[string]int {
	done := make(map[string]int)
	text, _ := os.ReadFile(j.path)
	for id := range strings.FieldsSeq(string(text)) {
		done[id]++
	}
	return done
}

// killsUnderLoad kills workers at random while some clients only read and others
// write.
func killsUnderLoad(t *testing.T, c crew) line {
	journal := newJournal(t)
	s, url := site(t, c.worker(t, "workers 4", env("JOURNAL", journal.path), env("RELEASE", "1")), quiet)
	s.settled("app", 4)
	reads := startTraffic(t, 4, always(url+"/"), nil)
	writes, answered := startWrites(t, 2, url)
	n := size(12, 100)
	for range n {
		pids := s.settled("app", 4).serving()
		pid := pids[rand.IntN(len(pids))]
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the worker is missed", func() bool { return !slices.Contains(s.pool("app").serving(), pid) })
		reads.more(20)
		writes.more(10)
	}
	got, wrote := reads.end(), writes.end()
	got.wantNoFailure(t)
	if failed := wrote.failed(); failed > n || failed != wrote.status[http.StatusBadGateway] {
		t.Errorf("%d kills failed %d POST requests (%s), the first of them:\n%s", n, failed, wrote.statuses(), strings.Join(wrote.odd, "\n"))
	}
	done := journal.times()
	for id, times := range done {
		if times > 1 {
			t.Errorf("POST %s was carried out %d times", id, times)
		}
	}
	for id := range answered {
		if done[id] != 1 {
			t.Errorf("POST %s was answered, and carried out %d times", id, done[id])
		}
	}
	if restarts := s.pool("app").Restarts["crash"]; restarts != n {
		t.Errorf("%d workers were killed, and %d counted as crashed", n, restarts)
	}
	seen := fmt.Sprintf("%d kills; of %d POSTs %d lost (502), none carried out twice", n, wrote.requests, wrote.failed())
	s.wantNothingHeld()
	return line{"SIGKILL of a random worker", got, seen}
}

// crashesUnderLoad sends requests that end their worker in between others.
func crashesUnderLoad(t *testing.T, c crew) line {
	s, url := site(t, c.worker(t, "workers 4", env("RELEASE", "1")), quiet)
	s.settled("app", 4)
	traffic := startTraffic(t, 6, always(url+"/"), nil)
	n := size(5, 50)
	own, done := lone()
	defer done()
	for range n {
		exits := map[string]string{"/segfault": "signal: segmentation fault", "/exit": "exit status 3"}
		if c.classic { // where exit() ends but the request
			delete(exits, "/exit")
		}
		if c.isCGI() { // which does not tell how its processes end
			exits["/segfault"] = "the process ended"
		}
		for path, exit := range exits {
			if r := roundTrip(t.Context(), own, http.MethodPost, url+path, nil); r.err != nil || r.status != http.StatusBadGateway {
				t.Errorf("POST %s: status %d, error %v", path, r.status, r.err)
			}
			traffic.more(10)
			s.settled("app", 4)
			eventually(t, fmt.Sprintf("the record of a crash says %q", exit), func() bool {
				return slices.ContainsFunc(s.logs.records("worker crashed"), func(r map[string]any) bool { return strings.HasPrefix(r["exit"].(string), exit) })
			})
		}
	}
	got := traffic.end()
	got.wantNoFailure(t)
	for _, record := range s.logs.records("worker crashed") {
		// What php-cgi says comes by the way of the answers, and may come when its end is known already.
		if said := fmt.Sprint(record["output"]); !c.isCGI() && !strings.Contains(said, "is about to fall") && !strings.Contains(said, "leaves") {
			t.Errorf("the record of a crash does not tell what PHP printed last: %v", record)
		}
	}
	s.wantNothingHeld()
	return line{"segfault, exit()", got, fmt.Sprintf("%d of each, each 502", n)}
}

// leakUnderLoad lets every request leak a megabyte.
func leakUnderLoad(t *testing.T, c crew) line {
	const limit = 64 << 20
	s, url := site(t, c.worker(t, "workers 2", fmt.Sprintf("max_memory %d", limit)), quiet)
	s.settled("app", 2)
	traffic := startTraffic(t, 2, always(url+"/leak?ms=20"), nil)
	goal, most := size(400, 1200), int64(0)
	for traffic.answered() < goal {
		for _, w := range s.pool("app").Workers {
			most = max(most, w.MemoryBytes)
		}
		traffic.more(1)
	}
	got := traffic.end()
	got.wantNoFailure(t)
	replaced := s.pool("app").Restarts["max_memory"]
	// A worker beyond the limit serves until its replacement is ready: on a busy
	// machine that may take seconds, of 50 MB each.
	if most > 4*limit || most < limit/2 {
		t.Errorf("a worker was seen with %d MB, the limit is %d MB", most>>20, limit>>20)
	}
	if least := goal / (4 * limit >> 20); replaced < least {
		t.Errorf("%d workers were replaced for their memory, want %d at least", replaced, least)
	}
	if crashed := s.pool("app").Restarts["crash"]; crashed > 0 {
		t.Errorf("%d workers crashed", crashed)
	}
	s.wantNothingHeld()
	return line{"leak of 1 MB a request", got, fmt.Sprintf("max_memory 64 MB: %d workers replaced, the largest had %d MB", replaced, most>>20)}
}

// hangsUnderLoad sends requests that never end, to workers that heed SIGTERM and
// to workers that do not.
func hangsUnderLoad(t *testing.T, c crew) line {
	const limit = 300 * time.Millisecond
	s, url := site(t, c.worker(t, "workers 4", env("RELEASE", "1"), "request_timeout "+limit.String(), "stop_timeout 1s"), quiet)
	s.settled("app", 4)
	traffic := startTraffic(t, 4, always(url+"/"), nil)
	own, done := lone()
	defer done()
	n, slowest := size(5, 20), time.Duration(0)
	for i := range n {
		method := []string{http.MethodGet, http.MethodPost}[i%2]
		r := roundTrip(t.Context(), own, method, url+c.hang(i/2), nil)
		if r.err != nil || r.status != http.StatusGatewayTimeout {
			t.Errorf("status %d, error %v, want 504", r.status, r.err)
		}
		if r.took < limit {
			t.Errorf("504 came after %v already", r.took)
		}
		slowest = max(slowest, r.took)
	}
	if slowest > limit+noise { // to the moment: workerpool/head_test.go, where nothing but the clock takes time
		t.Errorf("504 took up to %v with a limit of %v", slowest, limit)
	}
	got := traffic.end()
	got.wantNoFailure(t)
	s.settled("app", 4)
	records := s.waitRecords("killed a worker that took too long", n)
	// On a busy machine PHP may be killed before it has said anything.
	if said := len(s.logs.records("hangs")); len(records) != n || said > n {
		t.Errorf("%d requests hung: %d workers got one, %d were logged", n, said, len(records))
	}
	if restarts := s.pool("app").Restarts; !maps.Equal(restarts, map[string]int{"timeout": n}) {
		t.Errorf("%d workers were killed for their time, counted are %v", n, restarts)
	}
	s.wantNothingHeld()
	return line{"request that hangs", got, fmt.Sprintf("%d hung: 504 after %d ms at most (limit %d ms)", n, slowest.Milliseconds(), limit.Milliseconds())}
}
