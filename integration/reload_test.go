package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// on is a plain HTTP site.
func on(port int, body ...string) string {
	return fmt.Sprintf("http://127.0.0.1:%d {\n%s\n}\n", port, strings.Join(body, "\n"))
}

func base(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

// mustReload loads other sites.
func (s *server) mustReload(sites string) {
	s.t.Helper()
	if out, err := s.reload(sites); err != nil {
		s.t.Fatalf("reloading: %v\n%s", err, out)
	}
}

// release is the option that tells worker.php what to answer.
func release(name string) string { return env("RELEASE", name) }

// wantBody asks n times and wants the same answer each time.
func wantBody(t *testing.T, url, want string, n int) {
	t.Helper()
	for range n {
		if status, body := get(t, url); status != http.StatusOK || body != want {
			t.Fatalf("status %d, body %q, want %q", status, body, want)
		}
	}
}

func TestAReloadThatLeavesThePoolAloneIsNoticedByNoRequest(t *testing.T) {
	t.Parallel()
	worker := lifeWorker(t, "workers 2", release("one"))
	s, url := site(t, worker)
	port := 0
	if _, err := fmt.Sscanf(url, "http://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	s.waitRecords("worker ready", 2)
	before := s.workers()
	traffic := startLoad(t, url, 3)
	for i := range 5 {
		s.mustReload(on(port, fmt.Sprintf("header X-Reload %d", i), worker) + on(freePorts(t, 1)[0], "respond here"))
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("X-Reload"); got != fmt.Sprint(i) {
			t.Errorf("after reload %d the header is %q", i, got)
		}
		traffic.more(20)
	}
	traffic.end()
	if after := s.workers(); !slices.Equal(before, after) {
		t.Errorf("the processes were %v and are %v", before, after)
	}
	if n := len(s.logs.records("worker ready")); n != 2 {
		t.Errorf("%d workers were started, want 2", n)
	}
}

func TestAChangedPoolTakesOverWithoutAFailedRequest(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	s := start(t, on(port, lifeWorker(t, "workers 2", release("old"))))
	s.waitRecords("worker ready", 2)
	before := s.workers()
	traffic := startLoad(t, base(port), 3)
	s.mustReload(on(port, lifeWorker(t, "workers 2", release("new"))))
	wantBody(t, base(port), "new", 50)
	traffic.more(20)
	if bodies := traffic.end(); bodies["old"] == 0 || bodies["new"] == 0 || len(bodies) != 2 {
		t.Errorf("the answers were %v, want old and new ones", bodies)
	}
	eventually(t, "the old workers are gone", func() bool { return s.gone(before) })
	eventually(t, "two workers are left", func() bool { return len(s.workers()) == 2 })
}

func TestANewPoolThatCannotStartRejectsTheReload(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(t *testing.T) string{
		"the same script": func(t *testing.T) string { return lifeWorker(t, "workers 2", env("DIE", "1")) },
		"another script": func(t *testing.T) string {
			script := filepath.Join(t.TempDir(), "broken.php")
			if err := os.WriteFile(script, []byte("<?php throw new RuntimeException('the database is not there');"), 0o644); err != nil {
				t.Fatal(err)
			}
			return directive(script, "workers 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			s := start(t, on(port, lifeWorker(t, "workers 2", release("old"))))
			s.waitRecords("worker ready", 2)
			before := s.workers()
			traffic := startLoad(t, base(port), 3)
			for range 3 {
				out, err := s.reload(on(port, broken(t)))
				if err == nil {
					t.Errorf("the reload succeeded")
				}
				for _, want := range []string{"RuntimeException: the database is not there", "exit status 255", "PHP says: Fatal error"} {
					if !strings.Contains(out, want) {
						t.Errorf("the command does not say %q:\n%s", want, out)
					}
				}
				traffic.more(20)
			}
			if bodies := traffic.end(); len(bodies) != 1 || bodies["old"] == 0 {
				t.Errorf("the answers were %v", bodies)
			}
			eventually(t, "only the old workers run", func() bool { return slices.Equal(s.workers(), before) })
			wantBody(t, base(port), "old", 10)
		})
	}
}

func TestRequestsDoNotWaitForANewPoolThatIsSlowToStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ options, routes, servers string }{
		"of the same name": {"name api", "", ""},
		// The listeners of both configurations get what is new then.
		"without handover": {"name api", "", "servers {\n}"},
		"of another name":  {"name other", "rewrite / /env", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			gate := filepath.Join(t.TempDir(), "gate")
			s := start(t, on(port, lifeWorker(t, "name api", "workers 2", release("old"))), withGlobal(c.servers))
			reloaded := make(chan error, 1)
			next := on(port, c.routes, lifeWorker(t, c.options, "workers 2", release("new"), env("BOOT_GATE", gate)))
			go func() {
				out, err := s.reload(next)
				if err != nil {
					err = fmt.Errorf("%w: %s", err, out)
				}
				reloaded <- err
			}()
			s.waitLog("waits at its gate")
			// Nothing opens the gate before these are answered.
			wantBody(t, base(port), "old", 50)
			for range 50 {
				if a := askFresh(t.Context(), http.MethodGet, base(port)); a.err != nil || a.body != "old" {
					t.Fatalf("status %d, body %q, error %v", a.status, a.body, a.err)
				}
			}
			select {
			case err := <-reloaded:
				t.Fatalf("the reload ended before its pool was ready: %v", err)
			default:
			}
			openGate(t, gate)
			if err := <-reloaded; err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if status, body := get(t, base(port)); status != http.StatusOK || !strings.Contains(body, "new") {
					t.Fatalf("status %d, body %q", status, body)
				}
			}
		})
	}
}

func TestARemovedSiteAnswersWhatItHasAndItsWorkersEnd(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	gate := filepath.Join(t.TempDir(), "gate")
	stays := on(ports[0], lifeWorker(t, "name stays", "workers 1", release("stays")))
	s := start(t, stays+on(ports[1], lifeWorker(t, "name goes", "workers 1", env("GATE", gate))))
	_, pid := get(t, base(ports[1])+"/pid")
	answers := []<-chan answer{inBackground(t, http.MethodGet, base(ports[1])+"/sleep", nil)}
	s.waitLog("sleeps")
	// This one waits for the only worker when its site goes.
	answers = append(answers, inBackground(t, http.MethodGet, base(ports[1])+"/stream", nil))
	s.mustReload(stays)
	if len(s.workers()) != 2 {
		t.Fatalf("the processes are %v: the busy one should go on", s.workers())
	}
	wantBody(t, base(ports[0]), "stays", 10)
	openGate(t, gate)
	if a := <-answers[0]; a.err != nil || a.status != http.StatusOK || a.body != "slept" {
		t.Errorf("the request under way got status %d, body %q, error %v", a.status, a.body, a.err)
	}
	if a := <-answers[1]; a.err != nil || a.status != http.StatusOK || !strings.HasSuffix(a.body, "the end\n") {
		t.Errorf("the waiting request got status %d, body %q, error %v", a.status, a.body, a.err)
	}
	eventually(t, "the worker of the removed site is gone", func() bool { return len(s.workers()) == 1 })
	if slices.Contains(s.workers(), atoi(t, pid)) {
		t.Errorf("the wrong worker ended")
	}
	wantBody(t, base(ports[0]), "stays", 10)
}

func TestSitesShareAPool(t *testing.T) {
	t.Parallel()
	inline := lifeWorker(t, "workers 1")
	script := absolute(t, "testdata/life/worker.php")
	for name, c := range map[string]struct{ global, site string }{
		"that has a name":           {fmt.Sprintf("php_worker {\npool shared %q {\nworkers 1\n}\n}", script), "php_worker {\npool shared\n}"},
		"that both describe inline": {"", inline},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports := freePorts(t, 2)
			s := start(t, on(ports[0], c.site)+on(ports[1], c.site), withGlobal(c.global))
			_, first := get(t, base(ports[0])+"/pid")
			_, second := get(t, base(ports[1])+"/pid")
			if pids := s.workers(); first != second || len(pids) != 1 {
				t.Errorf("the sites were answered by %s and %s, the processes are %v", first, second, pids)
			}
		})
	}
}

func TestTwoPoolsOfOneNameAreAnError(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	said := startFails(t, on(ports[0], lifeWorker(t, "name api", "workers 1"))+on(ports[1], lifeWorker(t, "name api", "workers 2")))
	if !strings.Contains(said, `two pools with different settings are named \"api\": give one of them another name`) {
		t.Errorf("the message is not clear:\n%s", said)
	}
}

func TestAFlippedLinkMakesAReloadBootTheNewRelease(t *testing.T) {
	t.Parallel()
	app := t.TempDir()
	for _, name := range []string{"one", "two"} {
		dir := filepath.Join(app, "releases", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		content := fmt.Sprintf("<?php putenv('RELEASE=%s'); require '%s';", name, absolute(t, "testdata/life/worker.php"))
		if err := os.WriteFile(filepath.Join(dir, "worker.php"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(app, "current")
	flip := func(to string) {
		t.Helper()
		next := current + ".next"
		if err := os.Symlink(filepath.Join("releases", to), next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, current); err != nil {
			t.Fatal(err)
		}
	}
	for name, worker := range map[string]string{
		"in the script": directive(filepath.Join(current, "worker.php"), "workers 2"),
		"in the folder": fmt.Sprintf("php_worker worker.php {\ndir %q\nworkers 2\n}", current),
	} {
		t.Run(name, func(t *testing.T) {
			flip("one")
			port := freePorts(t, 1)[0]
			s := start(t, on(port, worker))
			s.waitRecords("worker ready", 2)
			before := s.workers()
			wantBody(t, base(port), "one", 10)
			s.mustReload(on(port, worker))
			if after := s.workers(); !slices.Equal(before, after) {
				t.Errorf("without a flip the processes were %v and are %v", before, after)
			}
			traffic := startLoad(t, base(port), 2)
			flip("two")
			s.mustReload(on(port, worker))
			wantBody(t, base(port), "two", 10)
			traffic.end()
			eventually(t, "the old workers are gone", func() bool { return s.gone(before) })
		})
	}
}
