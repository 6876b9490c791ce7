package integration

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// employed is a Caddy whose five workers are each in another state: one is in a
// busy loop, one sleeps, one is in the middle of a stream, one reads a big
// request of which it has got the smaller part, and one is idle.
type employed struct {
	*server
	gate     string // the file that lets all of them go on
	watchdog int
	answers  map[string]<-chan answer
}

// upload is the big request: more than the pipe to a worker holds.
var upload = bytes.Repeat([]byte("0123456789abcdef"), 512<<10)

func employ(t *testing.T, behindWrapper bool, global ...string) *employed {
	t.Helper()
	e := &employed{gate: filepath.Join(t.TempDir(), "gate"), answers: make(map[string]<-chan answer)}
	// With so much patience SIGTERM and SIGKILL never come for a worker that has
	// heard the stop frame, and the test ends before it would for another.
	options := []string{"workers 5", "stop_timeout 1h", env("GATE", e.gate)}
	handler := lifeWorker(t, options...)
	if behindWrapper {
		handler = wrappedWorker(t, options...)
	}
	s, url := site(t, handler, withGlobal(strings.Join(global, "\n")))
	e.server = s
	s.waitRecords("worker ready", 5)
	for path, said := range map[string]string{"/busy": "is busy", "/sleep": "sleeps", "/stream": "streams"} {
		e.answers[path] = inBackground(t, http.MethodGet, url+path, nil)
		s.waitLog(said)
	}
	e.answers["/upload"] = inBackground(t, http.MethodPost, url+"/upload", bytes.NewReader(upload))
	s.waitLog("reads slowly")

	want := 5
	if behindWrapper {
		want = 10
	}
	if pids := s.workers(); len(pids) != want {
		t.Fatalf("%d processes run, want %d: %v", len(pids), want, pids)
	}
	e.watchdog = watchdogOf(t, s.cmd.Process.Pid)
	return e
}

// watchdogOf finds the process that looks after the workers of this Caddy.
func watchdogOf(t *testing.T, caddy int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && isWatchdog(pid) && parentOf(pid) == caddy {
			return pid
		}
	}
	t.Fatal("there is no watchdog process")
	return 0
}

func isWatchdog(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(line), "\x00php_worker-watchdog\x00")
}

func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// wantAnswers checks that every request under way got its whole answer.
func (e *employed) wantAnswers(t *testing.T) {
	t.Helper()
	sum := md5.Sum(upload)
	for path, want := range map[string]string{"/busy": "was busy", "/sleep": "slept", "/upload": hex.EncodeToString(sum[:])} {
		if got := <-e.answers[path]; got.err != nil || got.status != http.StatusOK || got.body != want {
			t.Errorf("%s: status %d, error %v, body %.100q; want 200 and %q", path, got.status, got.err, got.body, want)
		}
	}
	got := <-e.answers["/stream"]
	if got.err != nil || got.status != http.StatusOK || !strings.HasPrefix(got.body, "tick\n") || !strings.HasSuffix(got.body, "the end\n") {
		t.Errorf("/stream: status %d, error %v, last words %q", got.status, got.err, got.body[max(0, len(got.body)-20):])
	}
}

// wantNobody waits until neither a worker nor the watchdog is left, and returns how
// long the workers took: the watchdog looks for others until it has found none for half a second.
func (e *employed) wantNobody(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	eventually(t, "the workers are gone", func() bool { return len(e.workers()) == 0 })
	took := time.Since(begin)
	eventually(t, "the watchdog is gone", func() bool { return !isWatchdog(e.watchdog) })
	return took
}

var launches = map[string]bool{"php": false, "behind a wrapper": true}

func TestAPoliteEndAnswersWhatIsUnderWayAndLeavesNobody(t *testing.T) {
	t.Parallel()
	for launch, behindWrapper := range launches {
		for end, begin := range map[string]func(*employed){
			"SIGTERM": func(e *employed) { e.signal(syscall.SIGTERM) },
			"SIGINT":  func(e *employed) { e.signal(syscall.SIGINT) },
			"caddy stop": func(e *employed) {
				go e.caddy("stop", "--address", e.admin) // waits as long as Caddy does
			},
		} {
			t.Run(launch+"/"+end, func(t *testing.T) {
				t.Parallel()
				e := employ(t, behindWrapper)
				begin(e)
				e.waitLog("servers shutting down")
				openGate(t, e.gate)
				e.wantAnswers(t)
				e.waitExit()
				if e.err != nil {
					t.Errorf("caddy ended with %v", e.err)
				}
				// Caddy has waited for them, so none may be left at this moment;
				// the command "caddy stop" is not meant.
				if left := e.workers(); end != "caddy stop" && len(left) > 0 {
					t.Errorf("processes %v outlived caddy", left)
				}
				e.wantNobody(t)
			})
		}
	}
}

func TestWhoeverIsBusyBeyondTheGracePeriodIsEnded(t *testing.T) {
	t.Parallel()
	for launch, behindWrapper := range launches {
		t.Run(launch, func(t *testing.T) {
			t.Parallel()
			e := employ(t, behindWrapper, "grace_period 100ms")
			begin := time.Now()
			e.signal(syscall.SIGTERM)
			e.waitExit()
			t.Logf("caddy ended after %v", time.Since(begin).Round(time.Millisecond))
			if left := e.workers(); len(left) > 0 {
				t.Errorf("processes %v outlived caddy", left)
			}
			e.wantNobody(t)
		})
	}
}

func TestARemovedPoolThatIsStillBusyDoesNotOutliveCaddy(t *testing.T) {
	t.Parallel()
	s, url := site(t, lifeWorker(t, "workers 1", "stop_timeout 1h", env("GATE", filepath.Join(t.TempDir(), "gate"))), withGlobal("grace_period 100ms"))
	inBackground(t, http.MethodGet, url+"/busy", nil)
	s.waitLog("is busy")
	if out, err := s.reload(fmt.Sprintf("http://127.0.0.1:%d {\nrespond none\n}", freePorts(t, 1)[0])); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	if len(s.workers()) != 1 {
		t.Fatalf("the processes are %v, want the busy one", s.workers())
	}
	s.signal(syscall.SIGTERM)
	s.waitExit()
	if left := s.workers(); len(left) > 0 {
		t.Errorf("processes %v outlived caddy", left)
	}
}

func TestAnAbruptEndLeavesNobodyAfterASecond(t *testing.T) {
	t.Parallel()
	for launch, behindWrapper := range launches {
		for name, sig := range map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGQUIT": syscall.SIGQUIT} {
			t.Run(launch+"/"+name, func(t *testing.T) {
				t.Parallel()
				e := employ(t, behindWrapper)
				e.signal(sig)
				e.waitExit()
				took := e.wantNobody(t)
				t.Logf("the last one was gone %v after caddy", took.Round(time.Millisecond))
				if took > time.Second+noise {
					t.Errorf("the last one was gone %v after caddy, want 1s at most", took)
				}
			})
		}
	}
}

func TestAWatchdogThatIsKilledIsReplacedWithTheNextWorker(t *testing.T) {
	t.Parallel()
	// Behind a wrapper nobody but the watchdog reaches PHP.
	s, url := site(t, wrappedWorker(t, "workers 1"))
	first := watchdogOf(t, s.cmd.Process.Pid)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watchdog is gone", func() bool { return !isWatchdog(first) })
	_, pid := get(t, url+"/pid")
	if err := syscall.Kill(atoi(t, pid), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.waitRecords("worker ready", 2)
	second := watchdogOf(t, s.cmd.Process.Pid)
	s.signal(syscall.SIGKILL)
	s.waitExit()
	eventually(t, "worker and watchdog are gone", func() bool { return len(s.workers()) == 0 && !isWatchdog(second) })
}
