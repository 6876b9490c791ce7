package integration

import (
	"bytes"
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
	lost   []string     // ids of requests whose connection ended without an answer
}

// traffic asks with the number in the query that the answer must reach. Every
// request has an id.
func (r *deployed) traffic(t *testing.T, url string, clients int) *traffic {
	return startTraffic(t, clients, func(c, n int) (string, string, io.Reader) {
		return http.MethodGet, fmt.Sprintf("%s?least=%d&id=%d-%d", url, r.number.Load(), c, n), nil
	}, func(got received) {
		query := got.request.URL.Query()
		if lostBelow(got.err) {
			r.lost = append(r.lost, query.Get("id"))
		}
		if got.err != nil || got.status != http.StatusOK {
			return // counted as failed
		}
		least, _ := strconv.ParseInt(query.Get("least"), 10, 64)
		for word := range strings.FieldsSeq(got.body) {
			if n, err := strconv.ParseInt(word, 10, 64); err != nil || n < least {
				t.Errorf("release %q answered a request that was sent when release %d was in service", got.body, least)
			}
		}
		r.seen.Add(1)
	})
}

// reloadsUnderLoad reloads again and again, every other time with other settings
// of the pool.
//
// Below Caddy's handlers a request can still be lost (lostBelow), here as at a site
// without PHP, which is watched beside. So this test demands, by the access log,
// that each request without an answer never came to a handler at all, that there is
// hardly any, and that no other request fails.
func reloadsUnderLoad(t *testing.T) line {
	port := freePorts(t, 1)[0]
	journal := newJournal(t)
	access := filepath.Join(t.TempDir(), "access.log")
	sites := func(release int) string {
		return fmt.Sprintf("http://127.0.0.1:%d {\nlog {\noutput file %q\n}\nrespond /plain ok\n%s\n}\n", port, access,
			chaosWorker(t, "workers 3", env("RELEASE", strconv.Itoa(release)), env("JOURNAL", journal.path)))
	}
	s := start(t, sites(0), quiet)
	plain := startTraffic(t, 2, always(fmt.Sprintf("http://127.0.0.1:%d/plain", port)), nil)
	var now deployed
	traffic := now.traffic(t, fmt.Sprintf("http://127.0.0.1:%d/", port), 6)
	n, changes := size(20, 100), 0
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
		traffic.more(20)
		switch after := s.settled("app", 3).serving(); {
		case !changed && !slices.Equal(before, after):
			t.Errorf("a reload that changes nothing replaced the processes %v by %v", before, after)
		case changed && slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) }):
			t.Errorf("of the processes %v some still serve after a change: %v", before, after)
		}
	}
	got, without := traffic.end(), plain.end()
	done := journal.times()
	handled, err := os.ReadFile(access)
	if err != nil || !bytes.Contains(handled, []byte("&id=0-0\"")) {
		t.Errorf("the access log does not tell what was handled: %v", err)
	}
	for _, id := range now.lost {
		if done[id] > 0 || bytes.Contains(handled, []byte("&id="+id+"\"")) {
			t.Errorf("request %s was handled, and got no answer", id)
		}
	}
	if len(now.lost) > lostAllowed(n) {
		t.Errorf("%d connections ended unseen in %d reloads", len(now.lost), n)
	}
	if got.failed() > len(now.lost) {
		got.wantNoFailure(t)
	}
	eventually(t, "the workers of all earlier generations are gone", func() bool { return len(s.workers()) == 3 })
	seen := fmt.Sprintf("%d reloads, %d changed the pool; connections that ended before any handler of Caddy's saw them: %d, and %d of %d without PHP",
		n, changes, len(now.lost), without.broken, without.requests)
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
func restartsUnderLoad(t *testing.T) line {
	var now deployed
	s, url := site(t, fmt.Sprintf("php_worker app.php {\nname app\nworkers 4\n%s\n}", env("JOURNAL", newJournal(t).path)),
		withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '0';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))), quiet)
	s.settled("app", 4)
	traffic := now.traffic(t, url+"/", 6)
	n := size(10, 20)
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
		for _, pid := range s.pool("app").serving() {
			if slices.Contains(before, pid) {
				t.Errorf("restart %d has returned, and worker %d from before still serves", i, pid)
			}
		}
	}
	got := traffic.end()
	got.wantNoFailure(t)
	return line{"rolling restart", got, fmt.Sprintf("%d restarts, 1 aborted, the workers kept", n)}
}

// deploysUnderLoad flips current -> releases/<n>, and restarts with the command.
func deploysUnderLoad(t *testing.T) line {
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
	traffic := now.traffic(t, url+"/release", 6)
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
	return line{"deploy by symbolic link", got, fmt.Sprintf("%d deploys, %d answers checked for their release", n, now.seen.Load())}
}
