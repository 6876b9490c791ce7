package integration

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// below are the processes that the worker of a site has started: those in its group, one without the
// mark, and those that have left it.
func below(t *testing.T, url string) (pids []int) {
	t.Helper()
	status, body := get(t, url+"/below")
	for pid := range strings.FieldsSeq(body) {
		pids = append(pids, atoi(t, pid))
	}
	if status != http.StatusOK || len(pids) != 4 || slices.Contains(pids, 0) {
		t.Fatalf("status %d: %s", status, body)
	}
	// A shell has started them, and may not have become sleep yet.
	eventually(t, "all of them run", func() bool { return !slices.ContainsFunc(pids, func(pid int) bool { return !isAsleep(pid) }) })
	return pids
}

// isAsleep says that a process is one of those that below has named.
func isAsleep(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && string(line) == "sleep\x00300\x00"
}

// wantGone waits until none of them is left.
func wantGone(t *testing.T, pids []int) {
	t.Helper()
	eventually(t, "all that PHP has started is gone", func() bool { return !slices.ContainsFunc(pids, isAsleep) })
}

func TestWhatPHPHasStartedDoesNotOutliveCaddy(t *testing.T) {
	t.Parallel()
	for launch, behindWrapper := range launches {
		for end, begin := range map[string]func(*server){
			"SIGTERM":    func(s *server) { s.signal(syscall.SIGTERM) },
			"SIGINT":     func(s *server) { s.signal(syscall.SIGINT) },
			"SIGKILL":    func(s *server) { s.signal(syscall.SIGKILL) },
			"SIGQUIT":    func(s *server) { s.signal(syscall.SIGQUIT) },
			"caddy stop": func(s *server) { go s.caddy("stop", "--address", s.admin) },
		} {
			t.Run(launch+"/"+end, func(t *testing.T) {
				t.Parallel()
				handler := lifeWorker(t, "workers 1")
				if behindWrapper {
					handler = wrappedWorker(t, "workers 1")
				}
				s, url := site(t, handler)
				pids := below(t, url)
				begin(s)
				s.waitExit()
				wantGone(t, pids)
			})
		}
	}
}

func TestWhatPHPHasStartedEndsWithAWorkerThatCrashes(t *testing.T) {
	t.Parallel()
	for launch, behindWrapper := range launches {
		t.Run(launch, func(t *testing.T) {
			t.Parallel()
			handler := lifeWorker(t, "workers 1")
			if behindWrapper {
				handler = wrappedWorker(t, "workers 1")
			}
			s, url := site(t, handler)
			pids := below(t, url)
			_, pid := get(t, url+"/pid")
			if err := syscall.Kill(atoi(t, pid), syscall.SIGSEGV); err != nil {
				t.Fatal(err)
			}
			s.waitRecords("worker ready", 2)
			wantGone(t, pids)
		})
	}
}

// A job in the background goes on when its worker is recycled, as under PHP-FPM, but not
// when Caddy ends.
func TestAJobInTheBackgroundOutlivesItsWorkerAndNotCaddy(t *testing.T) {
	t.Parallel()
	s, url := site(t, lifeWorker(t, "name app", "workers 1"))
	pids := below(t, url)
	s.wantAPI(http.StatusAccepted, http.MethodPost, "/php_worker/pools/app/restart", "")
	s.waitRecords("worker stopped", 1)
	for _, pid := range pids {
		if !isAsleep(pid) {
			t.Errorf("process %d has ended with its worker", pid)
		}
	}
	s.signal(syscall.SIGTERM)
	s.waitExit()
	wantGone(t, pids)
}
