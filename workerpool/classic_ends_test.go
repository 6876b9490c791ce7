//go:build linux

package workerpool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestClassicTurnsAwayWhatItHasNoRoomFor(t *testing.T) {
	eachPHP(t, Config{Min: 1, QueueSize: 1}, func(t *testing.T, c classic) {
		g := newGate(t)
		first := send(c.Pool, t.Context(), c.php(t, visits(g)+`echo "first";`))
		v := g.next(t)
		second := send(c.Pool, t.Context(), c.php(t, `echo "second";`))
		eventually(t, "the second request waits", func() bool { return c.Stats().Queue == 1 })
		if _, err := c.Exec(t.Context(), c.php(t, `echo "third";`)); !errors.Is(err, ErrQueueFull) {
			t.Errorf("got %v", err)
		}
		v.release()
		if a, b := receive(t, first).body(t), receive(t, second).body(t); a != "first" || b != "second" {
			t.Errorf("got %q and %q", a, b)
		}
	})
}

// Wherever it is when its time is over, and be it before the script: the other one is at a request that it goes on with.
func TestClassicEndsTheVeryProcessThatTakesTooLong(t *testing.T) {
	for name, script := range map[string]string{
		"at work":      `while (true);`,
		"asleep":       `while (true) sleep(1000);`,
		"reading":      `$p = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); stream_set_timeout($p[0], 10000); while (true) fread($p[0], 1);`,
		"in a program": `exec("exec sleep 1000"); while (true) sleep(1);`,
	} {
		t.Run(name, func(t *testing.T) {
			eachPHP(t, Config{Min: 2, RequestTimeout: time.Second}, func(t *testing.T, c classic) {
				g := newGate(t)
				before := pids(c.Pool)
				busy, err := c.Exec(t.Context(), c.php(t, `while (ob_get_level()) ob_end_flush(); echo "one "; flush(); `+visits(g)+` echo "two";`))
				if err != nil {
					t.Fatal(err)
				}
				v := g.next(t)
				delete(before, v.pid)
				_, err = c.Exec(t.Context(), c.php(t, script))
				lost := as[*WorkerError](t, err)
				if !errors.Is(err, ErrTimeout) || !before[lost.PID] {
					t.Errorf("%v of process %d; it should be the other one than %d", err, lost.PID, v.pid)
				}
				eventually(t, "it has ended", func() bool { return syscall.Kill(lost.PID, 0) == syscall.ESRCH })
				booked(t, c.Pool, 1, ReasonTimeout)
				v.release()
				if got := whole(t, busy); got != "one two" {
					t.Errorf("the other one answered %q", got)
				}
				all(t, c.Pool, 2)
				if after := pids(c.Pool); !after[v.pid] || after[lost.PID] {
					t.Errorf("workers are %v; want %d and a new one", after, v.pid)
				}
			})
		})
	}
}

// PHP has half a second for that, in which a busy machine may not let it run; then another one is asked.
func TestClassicSaysWhereTheProcessWasThatTookTooLong(t *testing.T) {
	c := withFPM(t, Config{Min: 1, RequestTimeout: 200 * time.Millisecond})
	request := c.php(t, `while (true);`)
	lost := make(map[int64]bool)
	eventually(t, "PHP says where it was", func() bool {
		_, err := c.Exec(t.Context(), request)
		if !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
		lost[int64(as[*WorkerError](t, err).PID)] = true
		return slices.ContainsFunc(c.logs.FilterMessageSnippet("Maximum execution time").All(), func(e observer.LoggedEntry) bool {
			pid, _ := e.ContextMap()["pid"].(int64)
			return lost[pid]
		})
	})
}

func TestClassicLosesOneRequestWithAProcessThatCrashes(t *testing.T) {
	eachPHP(t, Config{Min: 2}, func(t *testing.T, c classic) {
		log := filepath.Join(c.dir, "log")
		// Without flush() php-cgi keeps what it has for the log, until it has more or the request ends: that goes with it.
		crash := fmt.Sprintf(`file_put_contents("%s", "x", FILE_APPEND); error_log("last words"); flush(); posix_kill(getmypid(), %d); sleep(10);`, log, syscall.SIGSEGV)
		times := func() int {
			text, _ := os.ReadFile(log)
			return len(text)
		}
		_, err := c.Exec(t.Context(), c.php(t, crash, "a body"))
		lost := as[*WorkerError](t, err)
		if times() != 1 || lost.Unread {
			t.Errorf("a POST was carried out %d times, unread %v", times(), lost.Unread)
		}
		if c.isFPM() && !strings.Contains(lost.Exit, "segmentation fault") || !strings.Contains(strings.Join(lost.Output, " "), "last words") {
			t.Errorf("it ended with %q; it printed %q", lost.Exit, lost.Output)
		}
		if _, err = c.Exec(t.Context(), c.php(t, crash)); times() != 3 {
			t.Errorf("a GET was carried out %d times: %v", times()-1, err)
		}
		if got := c.get(t, `echo "still here";`); got != "still here" {
			t.Errorf("got %q", got)
		}
	})
}

func TestClassicStartsAnotherParentWhenItsParentHasCrashed(t *testing.T) {
	eachPHP(t, Config{Min: 2}, func(t *testing.T, c classic) {
		g := newGate(t)
		result := send(c.Pool, t.Context(), c.php(t, visits(g), "a body"))
		v := g.next(t)
		before := pids(c.Pool)
		parent := parentOf(t, v.pid)
		if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		v.dies(t, patience)
		as[*WorkerError](t, receive(t, result).err)
		if got := c.get(t, `echo posix_getppid();`); got == fmt.Sprint(parent) || got == "" {
			t.Errorf("the parent is %s", got)
		}
		all(t, c.Pool, 2)
		for pid := range pids(c.Pool) {
			if before[pid] {
				t.Errorf("process %d is still there", pid)
			}
		}
	})
}

func TestClassicLeavesNothingBehind(t *testing.T) {
	tmp, err := os.MkdirTemp("", "left") // a short name: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	t.Setenv("TMPDIR", tmp)
	eachPHP(t, Config{Min: 2}, func(t *testing.T, c classic) {
		g := newGate(t)
		code := fmt.Sprintf(`proc_open(["setsid", PHP_BINDIR . "/php", "-r", '%s'], [], $p); echo "ok";`, visits(g))
		if got := c.get(t, code); got != "ok" {
			t.Fatalf("got %q", got)
		}
		v := g.next(t) // in a session of its own, and it has no business with us any more
		ours := filepath.Join(tmp, "caddy-php-*")
		if had, err := filepath.Glob(ours); err != nil || len(had) == 0 {
			t.Errorf("the pool has no folder of its own (%v)", err)
		}
		end(t, c.Pool)
		v.dies(t, patience)
		if left, err := filepath.Glob(ours); err != nil || len(left) > 0 {
			t.Errorf("left: %v (%v)", left, err)
		}
	})
}

func TestClassicReplacesWhatIsDue(t *testing.T) {
	for reason, config := range map[Reason]Config{
		ReasonMaxRequests: {Min: 1, MaxRequests: 3},
		ReasonMaxMemory:   {Min: 1, MaxMemory: 1},
		ReasonMaxLifetime: {Min: 1, MaxLifetime: time.Nanosecond},
	} {
		t.Run(string(reason), func(t *testing.T) {
			eachPHP(t, config, func(t *testing.T, c classic) {
				seen := make(map[string]bool)
				eventually(t, "three processes have answered", func() bool {
					seen[c.get(t, `echo getmypid();`)] = true
					return len(seen) >= 3
				})
				eventually(t, "two are booked as ended", func() bool { return c.Stats().Restarts[reason] >= 2 })
				if all := c.Stats().Restarts; len(all) != 1 {
					t.Errorf("they ended for %v", all)
				}
				c.logged(t, "worker stopped", zap.String("reason", string(reason)), zap.String("exit", exitOf(c)))
			})
		})
	}
}

// exitOf is how the log describes an orderly end: only php-fpm tells.
func exitOf(c classic) string {
	if c.isFPM() {
		return "exit status 0"
	}
	return "the process ended"
}

func TestClassicHasAsManyProcessesAsWorkers(t *testing.T) {
	c := withFPM(t, Config{Min: 1, Max: 8})
	parent := parentOf(t, c.processes(t)[0])
	count := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d processes are there", n), func() bool { return len(childrenOf(t, parent)) == n })
	}
	count(1)
	for _, n := range []int{6, 2, 4, 1} {
		if err := c.Scale(n, 8); err != nil {
			t.Fatal(err)
		}
		if n < 4 { // those that have more go when they have been idle
			if err := c.Scale(n, n); err != nil {
				t.Fatal(err)
			}
		}
		all(t, c.Pool, n)
		count(n)
	}
	if err := c.Scale(1, 3000); err == nil || !strings.Contains(err.Error(), "cannot scale") {
		t.Errorf("got %v", err)
	}
}

func TestClassicRestartsWithAnotherParentAndLosesNothing(t *testing.T) {
	eachPHP(t, Config{Min: 2}, func(t *testing.T, c classic) {
		// OPcache would serve this text for ever: it looks at files only with a new parent.
		version := filepath.Join(c.dir, "version.php")
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(version+".new", []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(version+".new", version); err != nil {
				t.Fatal(err)
			}
		}
		write("old")
		ctx, stop := context.WithCancel(t.Context())
		counts := make(chan int)
		request := c.php(t, fmt.Sprintf(`usleep(200); echo posix_getppid(), " ", file_get_contents("%s");`, version), "POST")
		for range 4 {
			r := *request
			r.Frame = append([]byte(nil), r.Frame...)
			go func() {
				n := 0
				for ; ctx.Err() == nil; n++ {
					r.Body = strings.NewReader("POST")
					turn, err := c.Exec(context.Background(), &r)
					if err != nil {
						t.Errorf("request %d: %v; %q", n, err, outputOf(err))
						break
					}
					whole(t, turn)
				}
				counts <- n
			}()
		}
		parents := map[string]bool{}
		for range 3 {
			rollout, err := c.Restart(ReasonRestart)
			if err != nil {
				t.Fatal(err)
			}
			if err := rollout.WaitDrained(t.Context()); err != nil {
				t.Error(err)
			}
			parents[c.get(t, `echo posix_getppid();`)] = true
		}
		stop()
		for range 4 {
			if n := <-counts; n == 0 {
				t.Error("nobody has asked, so the test proves nothing")
			}
		}
		if len(parents) != 3 {
			t.Errorf("the parents were %v", parents)
		}
	})
}

func TestClassicKeepsItsOldParentWhenTheNextOneDoesNotStart(t *testing.T) {
	env := map[string]string{"A": "b"}
	c := withFPM(t, Config{Min: 1, Env: env})
	before := c.get(t, `echo posix_getppid();`)
	ini := filepath.Join(c.dir, "broken.ini")
	if err := os.WriteFile(ini, []byte("opcache.preload=/nowhere/preload.php\nopcache.preload_user=root\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env["PHP_INI_SCAN_DIR"] = ":" + c.dir
	rollout, err := c.Restart(ReasonRestart)
	if err != nil {
		t.Fatal(err)
	}
	err = rollout.Wait(t.Context())
	if boot := as[*BootError](t, err); !strings.Contains(boot.Error(), "preload") {
		t.Errorf("the error does not say why: %v", boot)
	}
	if after := c.get(t, `echo posix_getppid();`); after != before {
		t.Errorf("parent %s became %s", before, after)
	}
}
