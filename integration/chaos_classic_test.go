package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// classicCode writes a script that serves as this release.
func (s *server) classicCode(name string, release int64) {
	s.t.Helper()
	s.write(name+".new", fmt.Sprintf("<?php\nconst RELEASE = '%d';\nrequire '%s';\n", release, absolute(s.t, "testdata/chaos/classic/index.php")))
	s.rename(name+".new", name)
}

// freshRestartsUnderLoad changes code in place that OPcache is told not to look at again: only
// a restart brings the new one.
func freshRestartsUnderLoad(t *testing.T, c crew) line {
	var now deployed
	s, url := site(t, "", quiet)
	s.classicCode("public/index.php", 0)
	site := on(portOfURL(t, url), classicDirective(filepath.Join(s.dir, "public"), "name app", "workers 4", "ini opcache.validate_timestamps 0", "ini opcache.file_update_protection 0", c.program()))
	if status, text := s.load(site); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	s.settled("app", 4)
	traffic := now.traffic(lone, t, url+"/", 6, 0)
	n := int64(size(5, 20))
	for i := int64(1); i <= n; i++ {
		before := s.pool("app").serving()
		s.classicCode("public/index.php", i)
		if _, body := get(t, url+"/"); body != strconv.FormatInt(i-1, 10) {
			t.Errorf("release %d answers %q before the restart", i, body)
		}
		s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
		now.number.Store(i)
		traffic.more(50)
		s.wantNoneOf(before, fmt.Sprintf("restart %d has returned", i))
	}
	got := traffic.end()
	got.wantNoFailure(t)
	eventually(t, "the earlier parents are gone", func() bool { return len(s.workers()) == c.processes(4) })
	s.wantNothingHeld()
	return line{"rolling restart", got, fmt.Sprintf("%d restarts, each with new code", n)}
}

// flipsUnderLoad flips current -> releases/<n>, and does nothing else.
func flipsUnderLoad(t *testing.T, c crew) line {
	var now deployed
	s, url := site(t, "", quiet)
	deploy := func(n int64) {
		s.classicCode(fmt.Sprintf("releases/%d/index.php", n), n)
		s.write(fmt.Sprintf("releases/%d/lazy.php", n), fmt.Sprintf("<?php return '%d';", n))
		if err := os.Symlink(fmt.Sprintf("releases/%d", n), filepath.Join(s.dir, "next")); err != nil {
			t.Fatal(err)
		}
		s.rename("next", "current")
	}
	deploy(0)
	site := on(portOfURL(t, url), classicDirective(filepath.Join(s.dir, "current"), "name app", "workers 3", c.program()))
	if status, text := s.load(site); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	pids := s.settled("app", 3).serving()
	traffic := now.traffic(lone, t, url+"/release", 6, 0)
	n := int64(size(5, 40))
	for i := int64(1); i <= n; i++ {
		deploy(i)
		now.number.Store(i)
		traffic.more(50)
	}
	got := traffic.end()
	got.wantNoFailure(t)
	if after := s.settled("app", 3).serving(); !slices.Equal(pids, after) {
		t.Errorf("the processes were %v and are %v", pids, after)
	}
	s.wantNothingHeld()
	return line{"deploy by symbolic link", got, fmt.Sprintf("%d deploys without a restart, %d answers checked for their release", n, now.seen.Load())}
}

func portOfURL(t *testing.T, url string) int {
	t.Helper()
	port, err := strconv.Atoi(url[strings.LastIndex(url, ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// parentKillsUnderLoad kills the parent of all workers: they end with it, and another one
// takes over.
func parentKillsUnderLoad(t *testing.T, c crew) line {
	const workers = 4
	journal := newJournal(t)
	s, url := site(t, c.worker(t, fmt.Sprintf("workers %d", workers), env("JOURNAL", journal.path), env("RELEASE", "1")), quiet)
	s.settled("app", workers)
	writes, answered := startWrites(t, 4, url)
	n := size(3, 20)
	for range n {
		pids := s.settled("app", workers).serving()
		parent := parentOf(pids[0])
		if parent == s.cmd.Process.Pid || !slices.Contains(s.workers(), parent) {
			t.Fatalf("the parent of worker %d is %d", pids[0], parent)
		}
		if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "none of the old processes is left", func() bool { return s.gone(append(pids, parent)) })
		writes.more(20)
	}
	wrote := writes.end()
	// Each kill costs the requests that were with its workers; nobody is asked twice.
	if lost := wrote.status[http.StatusBadGateway]; lost > n*workers || wrote.failed() != lost {
		t.Errorf("%d kills failed %d POST requests (%s), the first of them:\n%s", n, wrote.failed(), wrote.statuses(), strings.Join(wrote.odd, "\n"))
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
	s.settled("app", workers)
	s.wantNothingHeld()
	seen := fmt.Sprintf("%d kills; of %d POSTs %d lost (502), none carried out twice", n, wrote.requests, wrote.failed())
	return line{"SIGKILL of the parent", wrote, seen}
}
