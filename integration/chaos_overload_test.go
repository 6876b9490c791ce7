package integration

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// memoryOf reads what a process has in memory, in bytes: "VmRSS" now, "VmHWM" at
// most ever.
func memoryOf(t *testing.T, pid int, what string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), what+":")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// overload offers ten times what the workers can do.
func overload(t *testing.T, c crew) line {
	const workers, queue, wait, work = 2, 20, 2 * time.Second, 20 * time.Millisecond
	const capacity = workers * int(time.Second/work) // requests a second
	s, url := site(t, "header >X-Queue-Ms {http.php_worker.queue_ms}\n"+
		c.worker(t, fmt.Sprintf("workers %d", workers), fmt.Sprintf("queue %d %s", queue, wait), env("RELEASE", "1")), quiet)
	s.settled("app", workers)
	url += fmt.Sprintf("/work?ms=%d", work.Milliseconds())
	before := memoryOf(t, s.cmd.Process.Pid, "VmRSS")

	all := &traffic{count: tally{status: make(map[int]int)}}
	longest := 0.0 // the wait of a request that was served, in milliseconds
	see := func(r received) {
		switch {
		case r.err != nil:
		case r.status == http.StatusOK:
			waited, err := strconv.ParseFloat(r.header.Get("X-Queue-Ms"), 64)
			if err != nil {
				t.Errorf("a served request does not tell its wait: %v", err)
			}
			longest = max(longest, waited)
		case r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "":
			t.Errorf("turned away with status %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
		}
	}
	crowd := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 500}}
	defer crowd.CloseIdleConnections()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range size(300, 1000) {
		<-tick.C
		for range 10 * capacity / 100 {
			all.clients.Go(func() { all.book(roundTrip(t.Context(), crowd, http.MethodGet, url, nil), see) })
		}
	}
	end := time.Now()
	own, done := lone()
	defer done()
	eventually(t, "requests are served again", func() bool {
		return roundTrip(t.Context(), own, http.MethodGet, url, nil).status == http.StatusOK
	})
	recovered := time.Since(end)
	all.clients.Wait()
	got, grown := all.count, memoryOf(t, s.cmd.Process.Pid, "VmHWM")-before
	switch {
	case got.broken > 0 || got.status[http.StatusOK]+got.status[http.StatusServiceUnavailable] != got.requests:
		t.Errorf("answers other than 200 and 503: %s, the first of them:\n%s", got.statuses(), strings.Join(got.odd, "\n"))
	case got.status[http.StatusOK] == 0 || got.status[http.StatusServiceUnavailable] == 0:
		t.Errorf("this was no overload: %s", got.statuses())
	}
	if longest > float64((wait + noise).Milliseconds()) {
		t.Errorf("a request was served after a wait of %.0f ms, although the queue turns away after %v", longest, wait)
	}
	if recovered > time.Second+noise {
		t.Errorf("requests were served again only %v after the overload", recovered)
	}
	if grown > 200<<20 {
		t.Errorf("the overload made Caddy grow by %d MB", grown>>20)
	}
	s.wantNothingHeld()
	return line{"10x overload", got, fmt.Sprintf("served after a wait of %.0f ms at most; served again %d ms after the end; Caddy grew by %d MB",
		longest, recovered.Milliseconds(), grown>>20)}
}

// dialMany opens connections with a small receive buffer.
func dialMany(t *testing.T, url string, n int) []net.Conn {
	t.Helper()
	dialer := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	var conns []net.Conn
	for range n {
		c, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		conns = append(conns, c)
	}
	return conns
}

// forAll does something with every connection, many at a time.
func forAll(t *testing.T, conns []net.Conn, what string, do func(net.Conn) error) {
	t.Helper()
	var group sync.WaitGroup
	for _, c := range conns {
		group.Go(func() {
			if err := do(c); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	group.Wait()
}

// wantIdle waits until no worker is held by anybody.
func (s *server) wantIdle(workers int) {
	s.t.Helper()
	eventually(s.t, "all workers are idle", func() bool { return len(s.pool("app").in("idle")) == workers })
}

func (p poolView) requests() (n int) {
	for _, w := range p.Workers {
		n += w.Requests
	}
	return n
}

// slowUploads sends the heads and one half of many bodies, and then nothing for
// as long as ordinary requests take.
func slowUploads(t *testing.T, c crew) line {
	n := size(250, 1000)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<8)
	sum := md5.Sum(body)
	spool := t.TempDir()
	s, url := site(t, c.worker(t, "workers 2", "body_memory 1KB", c.spool(spool), env("RELEASE", "1")), quiet)
	s.settled("app", 2)
	conns := dialMany(t, url, n)
	forAll(t, conns, "sending one half", func(c net.Conn) error {
		_, err := fmt.Fprintf(c, "POST /sum HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2])
		return err
	})
	open := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	eventually(t, "all uploads have begun", func() bool {
		fds, _ := os.ReadDir(open)
		return len(fds) >= 2*n // a connection and a file each
	})
	traffic := startTraffic(t, 4, always(url+"/"), nil)
	traffic.more(size(250, 2000))
	got := traffic.end()
	got.wantNoFailure(t)
	s.wantIdle(2)
	if served := s.pool("app").requests(); served != got.requests {
		t.Errorf("the workers have served %d requests, of which %d were ordinary", served, got.requests)
	}
	forAll(t, conns, "sending the rest", func(c net.Conn) error {
		if _, err := c.Write(body[len(body)/2:]); err != nil {
			return err
		}
		return wantAnswer(c, hex.EncodeToString(sum[:]))
	})
	wantEmpty(t, spool)
	s.wantNothingHeld()
	return line{"slow uploads", got, fmt.Sprintf("%d uploads half sent meanwhile, no worker busy; all were answered", n)}
}

// wantAnswer reads a response with this body.
func wantAnswer(c net.Conn, want string) error {
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || string(text) != want) {
		err = fmt.Errorf("status %d, %d bytes: %.60q", res.StatusCode, len(text), text)
	}
	return err
}

// slowReaders asks for long answers and does not read them. The kernel's buffers
// take most of them; some answers are larger than those, so that Caddy itself has
// to wait.
func slowReaders(t *testing.T, c crew) line {
	n := size(250, 1000)
	const length, large, larger = 200_000, 20, 7_000_000 // not more than buffer
	s, url := site(t, c.worker(t, "workers 2", "memory 1GB", env("RELEASE", "1")), quiet)
	s.settled("app", 2)
	before := memoryOf(t, s.cmd.Process.Pid, "VmRSS")
	conns := dialMany(t, url, n)
	ask := func(length int) func(net.Conn) error {
		return func(c net.Conn) error {
			_, err := fmt.Fprintf(c, "GET /bytes?n=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", length)
			return err
		}
	}
	forAll(t, conns[:large], "asking", ask(larger))
	forAll(t, conns[large:], "asking", ask(length))
	eventually(t, "the workers have answered everybody", func() bool { return s.pool("app").requests() == n })
	s.wantIdle(2)
	traffic := startTraffic(t, 4, always(url+"/"), nil)
	traffic.more(size(250, 2000))
	got := traffic.end()
	got.wantNoFailure(t)
	held := memoryOf(t, s.cmd.Process.Pid, "VmRSS") - before
	if held < large*larger/2 {
		t.Errorf("Caddy holds %d MB only: the kernel has taken the answers, so nobody was slow", held>>20)
	}
	read := func(length int) func(net.Conn) error {
		return func(c net.Conn) error { return wantAnswer(c, strings.Repeat("x", length)) }
	}
	forAll(t, conns[:large], "reading", read(larger))
	forAll(t, conns[large:], "reading", read(length))
	s.wantNothingHeld()
	return line{"slow readers", got, fmt.Sprintf("%d answers of %d KB to %d MB unread meanwhile (%d MB held), no worker busy; all were whole",
		n, length/1000, larger/1_000_000, held>>20)}
}
