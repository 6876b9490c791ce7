package integration

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestTheAdminAPIShowsEveryPoolAndItsWorkers(t *testing.T) {
	t.Parallel()
	s, url := site(t, "handle /two {\n"+directive(absolute(t, "testdata/chaos/worker.php"), "name two", "workers 1 3")+"\n}\n"+
		chaosWorker(t, "workers 2", env("RELEASE", "1")))
	s.settled("app", 2)
	get(t, url+"/")
	var all []poolView
	decode(t, []byte(s.wantAPI(http.StatusOK, http.MethodGet, "/php_worker/pools", "")), &all)
	if len(all) != 2 || all[0].Name != "app" || all[1].Name != "two" || all[1].Min != 1 || all[1].Max != 3 {
		t.Errorf("the pools are shown as %+v", all)
	}
	p := s.pool("app")
	if !slices.Equal(p.serving(), s.only(p)) || p.requests() != 1 || p.Min != 2 || p.Max != 2 || p.Desired != 2 || p.Queue != 0 {
		t.Errorf("the pool is shown as %+v, its processes are %v", p, s.only(p))
	}
	for _, w := range p.Workers {
		if w.MemoryBytes < 1<<20 || w.State != "idle" || w.BusyMS != 0 {
			t.Errorf("an idle worker is shown as %+v", w)
		}
	}
	gate := newGate(t)
	answer := inBackground(t, http.MethodGet, url+"/wait?gate="+gate.path, nil)
	s.waitLog("waits")
	if busy := s.pool("app").in("busy"); len(busy) != 1 {
		t.Errorf("busy are %v while one request runs", busy)
	}
	gate.open("go")
	<-answer
}

// only are the processes of the server that the pool names.
func (s *server) only(p poolView) []int {
	return slices.DeleteFunc(s.workers(), func(pid int) bool {
		return !slices.ContainsFunc(p.Workers, func(w workerView) bool { return w.PID == pid })
	})
}

func TestTheAdminAPIRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s, _ := site(t, chaosWorker(t, "workers 1"))
	for _, c := range []struct {
		method, path, body string
		status             int
		say                string
	}{
		{"POST", "/php_worker/pools", "", 405, "GET"},
		{"DELETE", "/php_worker/pools/app", "", 405, "GET"},
		{"GET", "/php_worker/pools/app/restart", "", 405, "POST"},
		{"GET", "/php_worker/pools/app/scale", "", 405, "POST"},
		{"GET", "/php_worker/pools/app/workers/1", "", 405, "DELETE"},
		{"POST", "/php_worker/health", "", 405, "GET"},
		{"GET", "/php_worker/pools/other", "", 404, "the pools are: app"},
		{"POST", "/php_worker/pools/other/restart", "", 404, "other"},
		{"GET", "/php_worker/nothing", "", 404, "nothing"},
		{"GET", "/php_worker/pools/app/nothing", "", 404, "nothing"},
		{"DELETE", "/php_worker/pools/app/workers/1", "", 404, "no such worker"},
		{"DELETE", "/php_worker/pools/app/workers/x", "", 400, "process id"},
		{"DELETE", "/php_worker/pools/app/workers/1?force=maybe", "", 400, "true or false"},
		{"POST", "/php_worker/pools/app/restart?wait=maybe", "", 400, "true, false or drained"},
		{"POST", "/php_worker/pools/app/scale", "", 400, "min"},
		{"POST", "/php_worker/pools/app/scale", `{"max": 3}`, 400, "min"},
		{"POST", "/php_worker/pools/app/scale", `{"min": 3, "max": 2}`, 400, "maximum"},
		{"POST", "/php_worker/pools/app/scale", `{"min": 0}`, 400, "at least 1"},
		{"POST", "/php_worker/pools/app/scale", `{"min": 100000}`, 400, "limit"},
		{"POST", "/php_worker/pools/app/scale", `{"min": 1, "typo": 2}`, 400, "min"},
	} {
		if status, text := s.api(c.method, c.path, c.body); status != c.status || !strings.Contains(text, c.say) {
			t.Errorf("%s %s %s: status %d, %s; want %d and %q", c.method, c.path, c.body, status, text, c.status, c.say)
		}
	}
}

func TestARestartReportsItsOutcome(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 2\n}", withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '1';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	before := s.settled("app", 2).serving()

	s.write("app.php", "<?php\nrequire 'config/that-is-missing.php';\n")
	status, text := s.api(http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	if status != http.StatusInternalServerError || !strings.Contains(text, "that-is-missing.php") || !strings.Contains(text, "old workers keep serving") {
		t.Errorf("broken code: status %d, %s", status, text)
	}
	eventually(t, "the failed worker is gone", func() bool { return len(s.pool("app").Workers) == 2 })
	if p := s.pool("app"); !slices.Equal(p.serving(), before) || p.BootFailures != 1 || !strings.Contains(p.LastError, "that-is-missing.php") || p.Restarting {
		t.Errorf("after the restart that failed, with %v before: %+v", before, p)
	}

	s.code("app.php", 2)
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	p := s.settled("app", 2)
	if slices.ContainsFunc(p.serving(), func(pid int) bool { return slices.Contains(before, pid) }) || p.LastError != "" || p.Restarts["restart"] != 2 {
		t.Errorf("after the restart, with %v before: %+v", before, p)
	}
	if status, body := get(t, url+"/"); status != http.StatusOK || body != "2" {
		t.Errorf("status %d, %q", status, body)
	}
}

func TestARestartOfAPoolWithoutWorkersWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\n}", withFile("app.php", fmt.Sprintf("<?php\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	s.write("app.php", "<?php throw new RuntimeException('still broken');\n")
	if err := syscall.Kill(s.settled("app", 1).serving()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.waitRecords("worker could not start", 3)
	status, text := s.api(http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	if status != http.StatusInternalServerError || !strings.Contains(text, "still broken") {
		t.Errorf("no worker can start, and the restart says %d: %s", status, text)
	}
	s.code("app.php", 2)
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	if status, body := get(t, url+"/"); status != http.StatusOK || body != "2" {
		t.Errorf("after the restart: status %d, %q", status, body)
	}
}

func TestARestartDoesNotWaitForALongRequestAndNamesIt(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\n}", withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '1';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	answer := inBackground(t, http.MethodGet, url+"/wait?gate="+gate.path, nil)
	s.waitLog("waits")
	old := s.pool("app").in("busy")[0]
	for release := int64(2); release <= 3; release++ { // deploy after deploy
		s.code("app.php", release)
		var r restartView
		decode(t, []byte(s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")), &r)
		if r.Status != "restarted" || len(r.Draining) == 0 || r.Draining[0].PID != old || r.Draining[0].BusyMS <= 0 || r.Draining[0].DrainsUntil == "" {
			t.Errorf("worker %d drains; the restart says %+v", old, r)
		}
		if status, body := get(t, url+"/"); status != http.StatusOK || body != fmt.Sprint(release) {
			t.Errorf("after the restart to release %d: status %d, %q", release, status, body)
		}
	}
	drained := inBackground(t, http.MethodPost, "http://"+s.admin+"/php_worker/pools/app/restart?wait=drained", nil)
	eventually(t, "that restart has begun", func() bool {
		return slices.ContainsFunc(s.pool("app").Workers, func(w workerView) bool { return w.Generation == 3 && w.State == "idle" })
	})
	select {
	case a := <-drained:
		t.Errorf("?wait=drained did not wait: %+v", a)
	default:
	}
	gate.open("done")
	if a := <-answer; a.status != http.StatusOK || a.body != "done" {
		t.Errorf("the request under way: %+v", a)
	}
	if a := <-drained; a.err != nil || a.status != http.StatusOK || strings.Contains(a.body, "draining") {
		t.Errorf("?wait=drained: %+v", a)
	}
	if slices.Contains(s.workers(), old) {
		t.Errorf("worker %d is still there", old)
	}
}

func TestARestartSupersedesOneWhoseWorkersHangInTheirBoot(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\n}", withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '1';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	s.write("app.php", "<?php\nfwrite(STDERR, \"hangs in its boot\\n\");\nsleep(3600);\n")
	first := inBackground(t, http.MethodPost, "http://"+s.admin+"/php_worker/pools/app/restart?wait=true", nil)
	s.waitLog("hangs in its boot")
	if !s.pool("app").Restarting {
		t.Error("the pool is not shown as restarting")
	}
	s.code("app.php", 2)
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	if a := <-first; a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, "superseded") {
		t.Errorf("the restart that was superseded: %+v", a)
	}
	if status, body := get(t, url+"/"); status != http.StatusOK || body != "2" {
		t.Errorf("status %d, %q", status, body)
	}
}

func TestARestartEndsWhenItsPoolIsReplaced(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	port := freePorts(t, 1)[0]
	sites := func(release string) string {
		return fmt.Sprintf("http://127.0.0.1:%d {\n%s\n}\n", port, chaosWorker(t, "workers 1", env("RELEASE", release)))
	}
	s := start(t, sites("1"), withGlobal("grace_period 100ms"))
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	under := inBackground(t, http.MethodGet, url+"/wait?gate="+gate.path, nil)
	s.waitLog("waits")
	restart := inBackground(t, http.MethodPost, "http://"+s.admin+"/php_worker/pools/app/restart?wait=drained", nil)
	eventually(t, "the old worker drains", func() bool {
		return slices.ContainsFunc(s.pool("app").Workers, func(w workerView) bool { return w.DrainsUntil != "" })
	})
	if status, text := s.load(sites("2")); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	gate.open("done")
	<-under
	// Whatever came of it, somebody waits for the word.
	if a := <-restart; a.err != nil || a.status != http.StatusOK {
		t.Errorf("the restart ended with status %d, error %v, %s", a.status, a.err, a.body)
	}
	if _, body := get(t, url+"/"); body != "2" {
		t.Errorf("release %q answers", body)
	}
}

func TestScaleChangesTheNumberOfWorkersAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := site(t, chaosWorker(t, "workers 1"))
	first := s.settled("app", 1).serving()
	var p poolView
	decode(t, []byte(s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/scale", `{"min": 4, "max": 6}`)), &p)
	if p.Min != 4 || p.Max != 6 {
		t.Errorf("the answer shows %+v", p)
	}
	if grown := s.settled("app", 4); !slices.Contains(grown.serving(), first[0]) {
		t.Errorf("growing replaced worker %d: %+v", first[0], grown)
	}
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/scale", `{"min": 2}`)
	if p := s.settled("app", 2); p.Min != 2 || p.Max != 2 || p.Restarts["idle"] != 2 {
		t.Errorf("after shrinking: %+v", p)
	}
}

func TestAWorkerCanBeRetiredAfterItsRequestOrKilledWithinIt(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 1"))
	for _, c := range []struct {
		query  string
		status int
	}{{"", http.StatusOK}, {"?force=true", http.StatusBadGateway}} {
		pid := s.settled("app", 1).serving()[0]
		gate, id := newGate(t), "for "+strconv.Itoa(pid)
		answer := inBackground(t, http.MethodPost, url+"/wait?gate="+gate.path+"&id="+strconv.Itoa(pid), nil)
		s.waitLog("waits " + strconv.Itoa(pid))
		s.wantAPI(http.StatusAccepted, http.MethodDelete, fmt.Sprintf("/php_worker/pools/app/workers/%d%s", pid, c.query), "")
		// Its replacement does not wait for it.
		eventually(t, "another worker serves", func() bool {
			return slices.ContainsFunc(s.pool("app").in("idle"), func(p int) bool { return p != pid })
		})
		if c.status == http.StatusOK {
			gate.open(id)
		}
		if a := <-answer; a.err != nil || a.status != c.status {
			t.Errorf("DELETE%s: the request under way got status %d, error %v, want %d", c.query, a.status, a.err, c.status)
		}
		eventually(t, "the worker is gone", func() bool { return !slices.Contains(s.workers(), pid) })
	}
}

func TestHealthIsReadyOnlyWhileEveryPoolServesAndNobodyDrains(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\n}", withFile("app.php", fmt.Sprintf("<?php\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	var h struct {
		Ready, Live bool
		Pools       map[string]struct {
			Ready  bool
			Reason string
		}
	}
	decode(t, []byte(s.wantAPI(http.StatusOK, http.MethodGet, "/php_worker/health", "")), &h)
	if !h.Ready || !h.Live || !h.Pools["app"].Ready {
		t.Errorf("a healthy Caddy says %+v", h)
	}
	s.write("app.php", "<?php throw new RuntimeException('broken');\n")
	if err := syscall.Kill(s.pool("app").serving()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.waitLog("worker could not start")
	decode(t, []byte(s.wantAPI(http.StatusServiceUnavailable, http.MethodGet, "/php_worker/health", "")), &h)
	if h.Ready || !h.Live || h.Pools["app"].Ready || h.Pools["app"].Reason != "workers cannot start" {
		t.Errorf("with a pool that cannot start: %+v", h)
	}
	s.write("app.php", fmt.Sprintf("<?php\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php")))
	eventually(t, "it is ready again", func() bool {
		status, _ := s.api(http.MethodGet, "/php_worker/health", "")
		return status == http.StatusOK
	})
	answer := inBackground(t, http.MethodGet, url+"/wait?gate="+gate.path, nil)
	s.waitLog("waits")
	s.signal(syscall.SIGTERM)
	s.waitLog("servers shutting down")
	decode(t, []byte(s.wantAPI(http.StatusServiceUnavailable, http.MethodGet, "/php_worker/health", "")), &h)
	if h.Ready || !h.Live || !h.Pools["app"].Ready {
		t.Errorf("while draining: %+v", h)
	}
	gate.open("done")
	if a := <-answer; a.status != http.StatusOK {
		t.Errorf("the request under way: %+v", a)
	}
}

// A configuration may fail after its pools have started, such as on a port that is
// taken.
func TestAReloadThatFailsLateKeepsTheOldPoolInService(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	sites := func(release string, more string) string {
		return fmt.Sprintf("http://127.0.0.1:%d {\n%s\n}\n%s", port, chaosWorker(t, "workers 1", env("RELEASE", release)), more)
	}
	s := start(t, sites("1", ""))
	before := s.settled("app", 1).serving()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	more := fmt.Sprintf("http://%s {\nbind 127.0.0.1\nrespond taken\n}\n", taken.Addr())
	if status, text := s.load(sites("2", more)); status == http.StatusOK || !strings.Contains(text, "address already in use") {
		t.Fatalf("a reload that needs the port of somebody else: status %d, %s", status, text)
	}
	if status, text := s.api(http.MethodGet, "/php_worker/pools/app", ""); status != http.StatusOK {
		t.Fatalf("the pool that serves is not known any more: status %d, %s", status, text)
	}
	if after := s.settled("app", 1).serving(); !slices.Equal(before, after) {
		t.Errorf("the pool is %v, want %v as before", after, before)
	}
	if status, body := get(t, fmt.Sprintf("http://127.0.0.1:%d/", port)); status != http.StatusOK || body != "1" {
		t.Errorf("status %d, %q", status, body)
	}
}
