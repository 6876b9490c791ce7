//go:build linux

package fastcgi

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eachPHP runs a test with a php-fpm and a php-cgi.
func eachPHP(t *testing.T, test func(t *testing.T, path string, isFPM bool)) {
	for kind, names := range map[string][]string{"fpm": {"php-fpm", "php-fpm8.2", "/usr/sbin/php-fpm8.2"}, "cgi": {"php-cgi"}} {
		t.Run(kind, func(t *testing.T) {
			for _, name := range names {
				if _, err := exec.LookPath(name); err == nil {
					test(t, php(t, name), kind == "fpm")
					return
				}
			}
			t.Skip("it is not installed")
		})
	}
}

// whole takes an answer to its end, and goes on to the next request.
func whole(t testing.TB, l *Link) (head, body string) {
	t.Helper()
	for more := true; more; {
		var h, b string
		h, b, more = next(t, l)
		head += h
		body += b
	}
	l.Finish(false)
	if err := l.CatchUp(0); err != nil {
		t.Fatal(err)
	}
	return head, body
}

func TestPHPAnswersRequestAfterRequest(t *testing.T) {
	eachPHP(t, func(t *testing.T, path string, _ bool) {
		l := connect(t, path, Options{MaxInMemory: 8 << 20})
		for i := range 200 {
			if _, err := l.Send(run(t, fmt.Sprintf(`header("X-A: %d"); echo getmypid(), " ", %[1]d;`, i)), nil, 0); err != nil {
				t.Fatal(err)
			}
			head, body := whole(t, l)
			if want := fmt.Sprint(l.PID(), " ", i); body != want || !strings.Contains(head, fmt.Sprint("X-A: ", i)) {
				t.Fatalf("head %q, body %q", head, body)
			}
		}
	})
}

func TestPHPIsNotReadyAtOnceAfterAnEarlyAnswer(t *testing.T) {
	eachPHP(t, func(t *testing.T, path string, isFPM bool) {
		if !isFPM {
			t.Skip("php-cgi knows no fastcgi_finish_request")
		}
		l := connect(t, path, Options{})
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := l.Send(run(t, fmt.Sprintf(`echo "early"; fastcgi_finish_request(); while (ob_get_level()) ob_end_flush(); echo "late"; flush(); file_get_contents("%s"); echo "later"; flush();`, fifo)), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, body, more := next(t, l); body != "early" || more {
			t.Fatalf("body %q, more %v", body, more)
		}
		l.Finish(false)
		if !l.WaitAtMost(50 * time.Millisecond) {
			t.Fatal("it knows no deadlines")
		}
		if err := l.CatchUp(0); !isDeadline(err) || l.Ready() {
			t.Fatalf("%v; ready %v", err, l.Ready())
		}
		l.ClearInterrupt()
		caught := make(chan error, 1)
		go func() { caught <- l.CatchUp(patience) }()
		fd, err := unix.Open(fifo, unix.O_WRONLY, 0) // when PHP reads it
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		if err := <-caught; err != nil || !l.Ready() {
			t.Fatalf("%v; ready %v", err, l.Ready())
		}
		if _, err := l.Send(run(t, `echo "next";`), nil, 0); err != nil {
			t.Fatal(err)
		}
		if _, body := whole(t, l); body != "next" {
			t.Errorf("body %q", body)
		}
	})
}

func TestPHPThatIsKilledEndsTheConversation(t *testing.T) {
	eachPHP(t, func(t *testing.T, path string, _ bool) {
		l := connect(t, path, Options{})
		if err := unix.Kill(l.PID(), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := l.sock.waitFor(func(uintptr) bool { return l.Look() != nil }); err != nil || l.MayAsk() {
			t.Errorf("%v; may ask: %v", err, l.MayAsk())
		}
	})
}

func TestWhoHasHadAConversationIsFreeForTheNext(t *testing.T) {
	eachPHP(t, func(t *testing.T, path string, _ bool) {
		for range 20 { // and there are two processes
			l := connect(t, path, Options{})
			if _, err := l.Send(run(t, `echo "hello";`), nil, 0); err != nil {
				t.Fatal(err)
			}
			if _, body := whole(t, l); body != "hello" {
				t.Errorf("body %q", body)
			}
			l.Close()
		}
	})
}

func TestNobodyIsConnectedWhereNobodyAnswers(t *testing.T) {
	ping := request(t)
	if l, err := Connect(t.Context(), filepath.Join(t.TempDir(), "none"), ping, Options{}); err == nil || l != nil {
		t.Errorf("got %v, %v", l, err)
	}
	eachPHP(t, func(t *testing.T, path string, _ bool) {
		for range 2 {
			connect(t, path, Options{}) // there are no more
		}
		why := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
		defer cancel()
		if l, err := Connect(ctx, path, ping, Options{}); err != why || l != nil {
			t.Errorf("got %v, %v", l, err)
		}
	})
}
