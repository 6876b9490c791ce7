package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// testStreams reads answers that come in pieces, each piece while the
// application still waits for leave to send the next one.
func testStreams(t *testing.T, app front) {
	_, url := app.site(t, "workers 2")
	able := app.able(t, url)
	if !able("stream") {
		return
	}

	t.Run("each chunk reaches the client before the next one is made", func(t *testing.T) {
		g := newGate(t)
		g.open("first")
		res := send(t, request(t, "GET", url+"/gated?gate="+g.path, nil))
		lines := bufio.NewReader(res.Body)
		expectLine(t, lines, "chunk 0: first")
		for n := 1; n < 20; n++ {
			g.open("next")
			expectLine(t, lines, fmt.Sprintf("chunk %d: next", n))
		}
		g.open("end")
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("after the last chunk came %q, %v", rest, err)
		}
		if res.ContentLength != -1 {
			t.Errorf("a stream has the length %d", res.ContentLength)
		}
	})

	t.Run("events arrive one by one", func(t *testing.T) {
		g := newGate(t)
		g.open("first")
		res := send(t, request(t, "GET", url+"/events?gate="+g.path, nil))
		if kind := res.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Errorf("the type is %q", kind)
		}
		lines := bufio.NewReader(res.Body)
		for n, word := range []string{"first", "second", "third"} {
			if n > 0 {
				g.open(word)
			}
			expectLine(t, lines, fmt.Sprintf("id: %d", n))
			expectLine(t, lines, "data: "+word)
			expectLine(t, lines, "")
		}
		g.open("end")
		_, _ = io.ReadAll(lines)
	})

	t.Run("a stream that breaks off is cut, so that the client can tell", func(t *testing.T) {
		for _, how := range []string{"exit", "throw"} {
			if how == "throw" && app.folder != "" && able("stop") {
				continue // the packages since 3.0 end such a stream as if it were whole
			}
			g := newGate(t)
			g.open("first")
			res := send(t, request(t, "GET", url+"/gated?gate="+g.path, nil))
			lines := bufio.NewReader(res.Body)
			expectLine(t, lines, "chunk 0: first")
			g.open(how)
			if rest, err := io.ReadAll(lines); !errors.Is(err, io.ErrUnexpectedEOF) || len(rest) > 0 {
				t.Errorf("after %s the client read %q and then %v", how, rest, err)
			}
		}
	})
}

// testStreamGone leaves a stream while the application waits to send more of it:
// the application is told, and its worker serves on.
func testStreamGone(t *testing.T, app front) {
	s, url := site(t, "log\n"+app.directive("workers 1"))
	able := app.able(t, url)
	if !able("stream") {
		return
	}
	g := newGate(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	g.open("first")
	res := send(t, request(t, "GET", url+"/gated?gate="+g.path, nil).WithContext(ctx))
	expectLine(t, bufio.NewReader(res.Body), "chunk 0: first")
	leave()
	handled := func() bool {
		return slices.ContainsFunc(s.logs.records("handled request"), func(record map[string]any) bool {
			r, _ := record["request"].(map[string]any)
			uri, _ := r["uri"].(string)
			return strings.HasPrefix(uri, "/gated")
		})
	}
	stopped := func() bool { return !able("stop") || len(s.logs.records("the stream was stopped")) > 0 }
	eventually(t, "the handler ends and the application stops", func() bool {
		if handled() && stopped() {
			return true
		}
		g.open("next")
		return false
	})
	if !able("stop") { // it does not listen, so the application has to come to an end
		g.open("end")
	}
	if pid, _ := worker(t, url); strconv.Itoa(pid) != res.Header.Get("X-Pid") {
		t.Errorf("after the stream worker %d serves, want %s again", pid, res.Header.Get("X-Pid"))
	}
}

// testClientGone gives up a request that waits in the queue.
func testClientGone(t *testing.T, app front) {
	s, url := site(t, "log\n"+app.directive("workers 1", "queue 1"))
	g := newGate(t)
	busy := asking(request(t, "GET", url+"/wait?id=1&gate="+g.path, nil))
	s.waitLog("entered 1")

	// Of two more requests one takes the only place in the queue: when the
	// other has been refused, it is there.
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	second := asking(request(t, "GET", url+"/wait?id=2", nil).WithContext(ctx))
	third := asking(request(t, "GET", url+"/wait?id=2", nil).WithContext(ctx))
	var refused, gone outcome
	select {
	case refused = <-second:
		leave()
		gone = <-third
	case refused = <-third:
		leave()
		gone = <-second
	}
	if refused.status != http.StatusServiceUnavailable || !errors.Is(gone.err, context.Canceled) {
		t.Fatalf("one was answered %+v, want 503; the one that was given up ended with %+v", refused, gone)
	}
	eventually(t, "the log says that the client has gone", func() bool {
		return slices.ContainsFunc(s.logs.records("handled request"), func(record map[string]any) bool { return record["status"] == 499.0 })
	})
	g.open("done")
	if first := <-busy; first.body != "done" {
		t.Errorf("the request in front of it was answered %+v", first)
	}
	if _, served := worker(t, url); served != 2 {
		t.Errorf("the worker has served %d requests, want 2: one it was busy with, and this one", served)
	}
	if len(s.logs.records("entered 2")) > 0 {
		t.Error("a request whose client had gone reached PHP")
	}
}

// TestEventsOutlastEveryTimeout keeps one stream open while every timeout that
// is configured passes, and through a reload; and looks that no deadline is set
// that would cut it later.
func TestEventsOutlastEveryTimeout(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	sites := fmt.Sprintf("http://127.0.0.1:%d {\n%s}\n", port, loop.directive("workers 1", "queue 10 20ms", "stop_timeout 20ms"))
	s := start(t, sites)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)

	g := newGate(t)
	g.open("first")
	res := send(t, request(t, "GET", url+"/events?gate="+g.path, nil))
	lines := bufio.NewReader(res.Body)
	next := func(n int, word string) {
		t.Helper()
		expectLine(t, lines, fmt.Sprintf("id: %d", n))
		expectLine(t, lines, "data: "+word)
		expectLine(t, lines, "")
	}
	next(0, "first")

	for range 3 { // each waits for a worker until the queue's timeout has passed
		if status, _ := get(t, url+"/id"); status != http.StatusServiceUnavailable {
			t.Fatalf("while the only worker streams, the status is %d, want 503", status)
		}
	}
	g.open("second")
	next(1, "second")

	if out, err := s.reload(sites); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	g.open("third")
	next(2, "third")

	status, config := get(t, "http://"+s.admin+"/config/")
	if status != http.StatusOK || !strings.Contains(config, "php_worker") {
		t.Fatalf("asking for the configuration: status %d, %s", status, config)
	}
	for _, word := range []string{"read_timeout", "write_timeout", "request_timeout", "stream_idle_timeout"} {
		if strings.Contains(config, word) {
			t.Errorf("the configuration has a %s: %s", word, config)
		}
	}
	g.open("end")
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("at its end the stream had %q, %v", rest, err)
	}
	s.signal(syscall.SIGTERM)
	s.waitExit()
}

// TestAStreamThatItsReaderStoppedIsNotEndedAsIfWhole: a client that has closed its
// sending half, as netcat does, is gone for net/http, so the worker is asked to
// stop. But it reads on, and must see that the stream is not whole.
func TestAStreamThatItsReaderStoppedIsNotEndedAsIfWhole(t *testing.T) {
	t.Parallel()
	s, url := loop.site(t, "workers 1")
	g := newGate(t)
	g.open("first")
	d := dialSite(t, url)
	d.say("GET /gated?gate=%s HTTP/1.1\r\nHost: %s\r\n\r\n", g.path, strings.TrimPrefix(url, "http://"))
	res, err := http.ReadResponse(d.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(res.Body)
	expectLine(t, lines, "chunk 0: first")
	if err := d.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the application is told to stop", func() bool {
		if len(s.logs.records("the stream was stopped")) > 0 {
			return true
		}
		g.open("next")
		return false
	})
	if rest, err := io.ReadAll(lines); err == nil {
		t.Errorf("the stream that was stopped ended as if whole, after %q", rest)
	}
}

func expectLine(t *testing.T, from *bufio.Reader, want string) {
	t.Helper()
	line, err := from.ReadString('\n')
	if err != nil || line != want+"\n" {
		t.Fatalf("read %q, %v, want %q", line, err, want)
	}
}
