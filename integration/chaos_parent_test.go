package integration

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// noForksOfParent lets the system refuse new processes to the parent of all workers. A php-cgi ends over that, with
// all that it has; another one takes over.
func noForksOfParent(t *testing.T, c crew, root string, options []string) line {
	s, url := site(t, classicDirective(root, append(options, c.program(), "boot_timeout 1s")...), quiet)
	pids := s.settled("app", 3).serving()
	parent := parentOf(pids[0])
	if c.isCGI() {
		traffic := startTraffic(t, 4, always(url+"/"), nil)
		n := size(3, 10)
		for range n {
			pids = s.settled("app", 3).serving()
			parent = parentOf(pids[0])
			noMoreProcesses(t, parent)
			if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "none of the old processes is left", func() bool { return s.gone(append(pids, parent)) })
			traffic.more(50)
		}
		got := traffic.end()
		// One that has lost two workers in a row, the killed one and one of the parent's end, is not sent to a third.
		if lost := got.status[http.StatusBadGateway]; lost > n || lost != got.failed() {
			t.Errorf("%d ends of a parent failed %d requests: %s", n, got.failed(), got.statuses())
		}
		s.settled("app", 3)
		s.wantNothingHeld()
		return line{"fork fails", got, "php-cgi ends; another one takes over"}
	}
	return withoutNewProcesses(t, s, url, "fork fails", []string{"fork() failed"}, func() (mend func()) {
		return noMoreProcesses(t, parent)
	})
}

// noMoreProcesses sets the limit of a process's user to none. Only that user may, so a program of the system's does
// it as that one.
func noMoreProcesses(t *testing.T, pid int) (mend func()) {
	t.Helper()
	var owner syscall.Stat_t
	if err := syscall.Stat(fmt.Sprintf("/proc/%d", pid), &owner); err != nil {
		t.Fatal(err)
	}
	set := func(soft string) {
		t.Helper()
		cmd := exec.Command("prlimit", fmt.Sprintf("--pid=%d", pid), "--nproc="+soft+":")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", cmd, err, out)
		}
	}
	set("0")
	var own unix.Rlimit // which is what the process has begun with
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &own); err != nil {
		t.Fatal(err)
	}
	return func() { set(strconv.FormatUint(own.Cur, 10)) }
}

// noParent takes PHP's program away while the parent of all workers is killed.
func noParent(t *testing.T, c crew) line {
	php := filepath.Join(t.TempDir(), "php")
	real := programs(t)["fpm-fcgi"]
	if c.isCGI() {
		real = c.php
	}
	appear := func() {
		if err := os.Symlink(real, php); err != nil {
			t.Fatal(err)
		}
	}
	appear()
	s, url := site(t, classicDirective(absolute(t, "testdata/chaos/classic"), "name app", "workers 3", "php "+php, env("RELEASE", "1")), quiet)
	pids := s.settled("app", 3).serving()
	traffic := startTraffic(t, 2, always(url+"/"), nil)
	before := traffic.end()
	before.wantNoFailure(t)
	parent := parentOf(pids[0])
	if err := os.Remove(php); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	own, done := lone()
	defer done()
	// One may have been with two of the workers, one after the other, while they were ended: it gets no third one.
	mayBeLost := true
	for range 5 {
		var refused received
		eventually(t, "requests are turned away", func() bool {
			refused = roundTrip(t.Context(), own, http.MethodGet, url+"/", nil)
			if mayBeLost && refused.err == nil && refused.status == http.StatusBadGateway {
				mayBeLost = false
				return false
			}
			return refused.err != nil || refused.status != http.StatusOK
		})
		mayBeLost = false
		if refused.status != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" {
			t.Errorf("without PHP: status %d, error %v, Retry-After %q", refused.status, refused.err, refused.header.Get("Retry-After"))
		}
	}
	s.waitRecords("worker could not start", 2)
	if status, text := s.api(http.MethodGet, "/php_worker/health", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "workers cannot start") {
		t.Errorf("health says %d: %s", status, text)
	}
	appear()
	s.settled("app", 3)
	if status, body := get(t, url+"/"); status != http.StatusOK || body != "1" {
		t.Errorf("afterwards: status %d, %q", status, body)
	}
	s.wantNothingHeld()
	return line{"no program for the parent", before, "503 and Retry-After; all are back afterwards"}
}
