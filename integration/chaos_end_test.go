package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// politeEndUnderLoad ends Caddy with requests under way: whatever a worker has
// begun with must be answered.
func politeEndUnderLoad(t *testing.T, c crew) line {
	journal := newJournal(t)
	gates := []*gate{newGate(t), newGate(t), newGate(t)}
	s, url := site(t, c.worker(t, "workers 5", env("JOURNAL", journal.path)), quiet)
	s.settled("app", 5)
	var waiting []<-chan answer
	for _, g := range gates {
		waiting = append(waiting, inBackground(t, http.MethodGet, url+"/wait?gate="+g.path, nil))
	}
	s.waitRecords("waits", 3)
	answered := make(map[string]bool)
	traffic := startTraffic(t, 6, func(c, n int) (string, string, io.Reader) {
		return http.MethodPost, fmt.Sprintf("%s/write?id=%d-%d", url, c, n), nil
	}, func(r received) {
		if r.err == nil && r.status == http.StatusOK {
			answered[r.body] = true
		}
	})
	s.signal(syscall.SIGTERM)
	s.waitLog("servers shutting down")
	got := traffic.end()
	for _, g := range gates {
		g.open("through")
	}
	for _, w := range waiting {
		if a := <-w; a.err != nil || a.status != http.StatusOK || a.body != "through" {
			t.Errorf("a request that was under way: status %d, error %v, %q", a.status, a.err, a.body)
		}
	}
	s.waitExit()
	if s.err != nil {
		t.Errorf("caddy ended with %v", s.err)
	}
	if left := s.workers(); len(left) > 0 {
		t.Errorf("the processes %v outlived caddy", left)
	}
	if got.broken+got.status[http.StatusOK] != got.requests {
		t.Errorf("answers other than 200: %s, the first of them:\n%s", got.statuses(), strings.Join(got.odd, "\n"))
	}
	done := journal.times()
	for id, times := range done {
		if times != 1 || !answered[id] {
			t.Errorf("request %s was carried out %d times; answered: %v", id, times, answered[id])
		}
	}
	seen := fmt.Sprintf("all %d that a worker began were answered; %d came too late and found no server; no process left", len(done)+3, got.broken)
	got.requests, got.broken = got.requests-got.broken, 0
	return line{"SIGTERM", got, seen}
}

// abruptEndUnderLoad kills Caddy while some workers are busy, some are deaf, and
// some have got half of a frame.
func abruptEndUnderLoad(t *testing.T, c crew) line {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	gate := newGate(t)
	s, url := site(t, c.worker(t, "workers 6"), quiet)
	s.settled("app", 6)
	for range 2 {
		inBackground(t, http.MethodGet, url+c.hang(1), nil)
	}
	inBackground(t, http.MethodGet, url+"/wait?gate="+gate.path, nil)
	s.waitRecords("hangs", 2)
	s.waitLog("waits")
	traffic := startTraffic(t, 4, func(int, int) (string, string, io.Reader) {
		return http.MethodPost, url + "/sum", bytes.NewReader(body)
	}, nil)
	watchdog := watchdogOf(t, s.cmd.Process.Pid)
	s.signal(syscall.SIGKILL)
	s.waitExit()
	begin := time.Now()
	eventually(t, "the workers are gone", func() bool { return len(s.workers()) == 0 })
	took := time.Since(begin)
	eventually(t, "the watchdog is gone", func() bool { return !isWatchdog(watchdog) })
	got := traffic.end()
	if left, _ := filepath.Glob(filepath.Join(s.dir, "*.sock")); len(left) > 0 {
		t.Errorf("files were left: %v", left)
	}
	if took > time.Second+noise {
		t.Errorf("the last PHP process was gone %v after Caddy, want 1s at most", took)
	}
	got.requests, got.broken = got.requests-got.broken, 0
	return line{"SIGKILL of Caddy", got, fmt.Sprintf("6 workers, 2 deaf, 4 MB frames half sent: the last process gone after %d ms", took.Milliseconds())}
}
