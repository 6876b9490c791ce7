package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// deployed is the number of the code that must answer whatever is asked from now
// on, and the traffic that checks it.
type deployed struct {
	number atomic.Int64
	seen   atomic.Int64 // answers checked
}

// traffic asks with the number in the query that the answer must reach: that of the code, less late.
func (r *deployed) traffic(b browser, t *testing.T, url string, clients, late int) *traffic {
	return startTrafficBy(b, t, clients, func(int, int) (string, string, io.Reader) {
		return http.MethodGet, fmt.Sprintf("%s?least=%d", url, max(0, r.number.Load()-int64(late))), nil
	}, func(got received) {
		if got.err != nil || got.status != http.StatusOK {
			return // counted as failed
		}
		least, _ := strconv.ParseInt(got.request.URL.Query().Get("least"), 10, 64)
		for word := range strings.FieldsSeq(got.body) {
			if n, err := strconv.ParseInt(word, 10, 64); err != nil || n < least {
				t.Errorf("release %q answered a request that was sent when release %d was in service", got.body, least)
			}
		}
		r.seen.Add(1)
	})
}

// reloadsUnderLoad reloads again and again, every other time with other settings
// of the pool. Half of the clients keep their connections, the others, for whom a
// reload is harder, make a new one for each request. A site without PHP is asked
// beside: what it lost would be lost below Caddy's handlers.
func reloadsUnderLoad(t *testing.T, c crew) line {
	port := freePorts(t, 1)[0]
	sites := func(release int) string {
		return fmt.Sprintf("http://127.0.0.1:%d {\nrespond /plain ok\n%s\n}\n", port,
			c.worker(t, "workers 3", env("RELEASE", strconv.Itoa(release))))
	}
	s := start(t, sites(0), quiet)
	var now deployed
	url := fmt.Sprintf("http://127.0.0.1:%d/", port)
	plain := startTrafficBy(stranger, t, 2, always(url+"plain"), nil)
	// Caddy returns when its old servers have "likely" been told to close the connections that wait for a request: until
	// then one that is kept is served by the configuration before.
	kept, anew := now.traffic(lone, t, url, 4, 1), now.traffic(stranger, t, url, 4, 0)
	n, changes := size(10, 100), 0
	for i := range n {
		before := s.settled("app", 3).serving()
		changed := i%2 == 0
		if changed {
			changes++
		}
		if i%10 == 0 { // now and then the command itself
			if out, err := s.reload(sites(changes)); err != nil {
				t.Fatalf("reload %d: %v: %s", i, err, out)
			}
		} else if status, text := s.load(sites(changes)); status != http.StatusOK {
			t.Fatalf("reload %d: status %d, %s", i, status, text)
		}
		now.number.Store(int64(changes))
		kept.more(20)
		anew.more(20)
		switch after := s.settled("app", 3).serving(); {
		case !changed && !slices.Equal(before, after):
			t.Errorf("a reload that changes nothing replaced the processes %v by %v", before, after)
		case changed && slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) }):
			t.Errorf("of the processes %v some still serve after a change: %v", before, after)
		}
	}
	got, strangers, without := kept.end(), anew.end(), plain.end()
	for _, all := range []tally{got, strangers, without} {
		all.wantNoFailure(t)
	}
	eventually(t, "the workers of all earlier generations are gone", func() bool { return len(s.workers()) == c.processes(3) })
	seen := fmt.Sprintf("%d reloads, %d changed the pool; over %d new connections: %s; without PHP: %s",
		n, changes, strangers.requests, strangers.statuses(), without.statuses())
	s.wantNothingHeld()
	return line{"reload", got, seen}
}

// code writes a worker script that serves as this release.
func (s *server) code(name string, release int64) {
	s.t.Helper()
	worker := absolute(s.t, "testdata/chaos/worker.php")
	s.write(name+".new", fmt.Sprintf("<?php\nconst RELEASE = '%d';\nrequire '%s';\n", release, worker))
	s.rename(name+".new", name)
}

// rename replaces a file of the server's folder at one stroke.
func (s *server) rename(from, to string) {
	s.t.Helper()
	if err := os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to)); err != nil {
		s.t.Fatal(err)
	}
}

// restartsUnderLoad deploys new code in place, once broken code.
func restartsUnderLoad(t *testing.T, c crew) line {
	var now deployed
	s, url := site(t, fmt.Sprintf("php_worker app.php {\nname app\nworkers 4\n%s\n}", env("JOURNAL", newJournal(t).path)),
		withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '0';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))), quiet)
	s.settled("app", 4)
	traffic := now.traffic(lone, t, url+"/", 6, 0)
	n := size(5, 20)
	for i := 1; i <= n; i++ {
		before := s.pool("app").serving()
		if i == n/2 {
			s.write("app.php", "<?php\nthrow new RuntimeException('this release is broken');\n")
			status, text := s.api(http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
			if status != http.StatusInternalServerError || !strings.Contains(text, "this release is broken") || !strings.Contains(text, "the old workers keep serving") {
				t.Errorf("a restart to broken code: status %d, %s", status, text)
			}
			traffic.more(100)
			s.code("app.php", int64(i-1))
			if after := s.settled("app", 4).serving(); !slices.Equal(before, after) {
				t.Errorf("a restart that was aborted replaced the workers %v by %v", before, after)
			}
			continue
		}
		s.code("app.php", int64(i))
		s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
		now.number.Store(int64(i))
		traffic.more(50)
		s.wantNoneOf(before, fmt.Sprintf("restart %d has returned", i))
	}
	got := traffic.end()
	got.wantNoFailure(t)
	s.wantNothingHeld()
	return line{"rolling restart", got, fmt.Sprintf("%d restarts, 1 aborted, the workers kept", n)}
}

// deploysUnderLoad flips current -> releases/<n>, and restarts with the command.
func deploysUnderLoad(t *testing.T, c crew) line {
	var now deployed
	deploy := func(s *server, n int64) {
		s.code(fmt.Sprintf("releases/%d/worker.php", n), n)
		s.write(fmt.Sprintf("releases/%d/lazy.php", n), fmt.Sprintf("<?php return '%d';", n))
		if err := os.Symlink(fmt.Sprintf("releases/%d", n), filepath.Join(s.dir, "next")); err != nil {
			t.Fatal(err)
		}
		s.rename("next", "current")
	}
	s, url := site(t, "", withFile("releases/0/worker.php", ""), quiet)
	deploy(s, 0)
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	site := fmt.Sprintf("http://127.0.0.1:%s {\nphp_worker worker.php {\nname app\ndir current\nworkers 3\n}\n}\n", port)
	if status, text := s.load(site); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	traffic := now.traffic(lone, t, url+"/release", 6, 0)
	n := int64(size(5, 20))
	for i := int64(1); i <= n; i++ {
		deploy(s, i)
		if out, err := s.caddy("php-worker", "restart", "app", "--address", s.admin); err != nil {
			t.Fatalf("deploy %d: %v: %s", i, err, out)
		}
		now.number.Store(i)
		traffic.more(50)
	}
	got := traffic.end()
	got.wantNoFailure(t)
	s.wantNothingHeld()
	return line{"deploy by symbolic link", got, fmt.Sprintf("%d deploys, %d answers checked for their release", n, now.seen.Load())}
}

// wantNoneOf fails if a worker from before still takes requests, though something has come to its end. One may be
// at its last.
func (s *server) wantNoneOf(before []int, done string) {
	s.t.Helper()
	for _, w := range s.pool("app").Workers {
		if slices.Contains(before, w.PID) && w.State != "stopping" && w.DrainsUntil == "" {
			s.t.Errorf("%s, and worker %d from before still serves", done, w.PID)
		}
	}
}
