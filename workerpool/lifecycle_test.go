package workerpool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

func unstarted(t *testing.T, c Config) *Pool {
	t.Helper()
	p, err := New(c, zap.NewNop(), Events{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPoolThatWasNeverStartedCanBeClosedTwiceAndNotStarted(t *testing.T) {
	p := unstarted(t, self(1))
	waiting := send(p, t.Context(), script("answer"))
	queued(t, p, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 2 {
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if r := receive(t, waiting); !errors.Is(r.err, ErrClosed) {
		t.Errorf("a waiting request got %v; want ErrClosed", r.err)
	}
	for range 2 {
		if err := p.Start(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("starting a closed pool: %v; want ErrClosed", err)
		}
	}
	if _, err := p.Restart(ReasonRestart); !errors.Is(err, ErrClosed) {
		t.Errorf("restarting a closed pool: %v; want ErrClosed", err)
	}
}

func TestStartTellsWhatTheWorkerSaidAndHowItEnded(t *testing.T) {
	for _, relay := range []Relay{RelayAuto, RelayStdio, RelayUnix} {
		t.Run(string(relay), func(t *testing.T) {
			c := self(2)
			c.Relay = relay
			c.Env[bootEnv] = "say on stdout; moan PHP Fatal error:  Uncaught Oops; exit 255"
			p := unstarted(t, c)
			err := p.Start(t.Context())
			boot := as[*BootError](t, err)
			for _, want := range []string{"on stdout", "PHP Fatal error:  Uncaught Oops", "exit status 255", player, `"test"`} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
			if boot.Hint != "" || boot.Fatal != "Fatal error:  Uncaught Oops" {
				t.Errorf("PHP said %q, the hint is %q", boot.Fatal, boot.Hint)
			}
			if again := p.Start(t.Context()); again != err {
				t.Errorf("the second call returned %v", again)
			}
			if _, err := p.Exec(t.Context(), script("answer")); !errors.Is(err, ErrClosed) {
				t.Errorf("a pool that could not start answered a request with %v; want ErrClosed", err)
			}
			balanced(t, p)
		})
	}
}

func TestAScriptWithoutLoopIsToldToHaveOne(t *testing.T) {
	c := self(1)
	c.Env[bootEnv] = "say <h1>Hello</h1>; exit 0"
	err := unstarted(t, c).Start(t.Context())
	if boot := as[*BootError](t, err); !strings.Contains(boot.Hint, "in a loop") || !strings.Contains(err.Error(), "<h1>Hello</h1>") {
		t.Errorf("got %v", err)
	}
}

func TestAWorkerThatNeverAsksForARequestFailsTheStart(t *testing.T) {
	c := self(1)
	g := newGate(t)
	c.BootTimeout = 2 * time.Second
	c.Env[bootEnv] = "say booting; ignore term; fork " + g.path + "; visit " + g.path
	err := unstarted(t, c).Start(t.Context())
	if boot := as[*BootError](t, err); !errors.Is(err, errBootTimeout) || !strings.Contains(boot.Hint, "boot_timeout") {
		t.Errorf("got %v", err)
	}
	for range 2 {
		g.next(t).dies(t, patience)
	}
}

func TestAnIniSettingThatCannotBeWrittenFailsTheStartAndClosesThePool(t *testing.T) {
	c := self(1)
	c.Ini = map[string]string{"user_agent": "two\nlines"}
	p := unstarted(t, c)
	if err := p.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "user_agent") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := p.Exec(ctx, script("answer")); !errors.Is(err, ErrClosed) {
		t.Errorf("a request got %v; want ErrClosed", err)
	}
}

func TestStartGivesUpWithItsContextAndTheBootGoesOn(t *testing.T) {
	c, g := self(1), newGate(t)
	c.Env[bootEnv] = "visit " + g.path
	p := unstarted(t, c)
	t.Cleanup(func() { end(t, p) })
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- p.Start(ctx) }()
	v := g.next(t)
	cancel()
	if err := receive(t, failed); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	v.release()
	if err := p.Start(t.Context()); err != nil {
		t.Error(err)
	}
	if got := ask(t, p, "answer", "up"); got != "up" {
		t.Errorf("got %q", got)
	}
}

func TestCloseLetsRequestsFinishThatRunOrWait(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	running := send(p, t.Context(), script("visit "+g.path+"; answer", "running"))
	v := g.next(t)
	waiting := send(p, t.Context(), script("answer", "waiting"))
	queued(t, p, 1)
	closed := make(chan error, 1)
	go func() { closed <- p.Close(context.Background()) }()
	drains(t, p)
	late := send(p, t.Context(), script("answer", "late"))
	queued(t, p, 2)
	v.release()
	for want, c := range map[string]<-chan result{"running": running, "waiting": waiting, "late": late} {
		if got := receive(t, c).body(t); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	if err := receive(t, closed); err != nil {
		t.Error(err)
	}
	if _, err := p.Exec(t.Context(), script("answer")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	booked(t, p, 1, ReasonConfig)
	v.dies(t, patience)
}

func TestADrainingPoolStillRepeatsARequestThatLostItsWorker(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	req := script("visit " + g.path + "; answer")
	req.Repeatable = true
	r := send(p, t.Context(), req)
	first := g.next(t)
	closed := make(chan error, 1)
	go func() { closed <- p.Close(context.Background()) }()
	drains(t, p)
	if err := syscall.Kill(first.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	g.next(t).release()
	receive(t, r).body(t)
	if err := receive(t, closed); err != nil {
		t.Error(err)
	}
}

func TestCloseKillsEverythingWhenItsContextEnds(t *testing.T) {
	c, g := self(2), newGate(t)
	c.StopTimeout = time.Hour
	p := start(t, c)
	r := send(p, t.Context(), script("ignore term; ignore stop; fork "+g.path+"; visit "+g.path))
	one, other := g.next(t), g.next(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := make(chan error, 1)
	go func() { closed <- p.Close(ctx) }()
	if err := receive(t, closed); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want the error of the context", err)
	}
	one.dies(t, patience)
	other.dies(t, patience)
	if got := receive(t, r); got.err == nil {
		t.Error("the request was answered")
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("closing again: %v", err)
	}
	balanced(t, p)
}

func TestCloseWhileAWorkerBootsDoesNotWaitForIt(t *testing.T) {
	c, g := self(1), newGate(t)
	c.Env[bootEnv] = "ignore term; visit " + g.path
	p := unstarted(t, c)
	started := make(chan error, 1)
	go func() { started <- p.Start(context.Background()) }()
	v := g.next(t)
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := receive(t, started); !errors.Is(err, errBootStopped) {
		t.Errorf("Start returned %v", err)
	}
	v.dies(t, patience)
}

func TestAWorkerIsAskedThenToldThenKilled(t *testing.T) {
	for name, steps := range map[string]string{"stop frame": "", "SIGTERM": "ignore stop", "SIGKILL": "ignore stop; ignore term"} {
		t.Run(name, func(t *testing.T) {
			c, g := self(1), newGate(t)
			c.StopTimeout = map[string]time.Duration{"stop frame": time.Hour, "SIGTERM": 2 * time.Second, "SIGKILL": 300 * time.Millisecond}[name]
			p, logs := startLogged(t, c)
			ask(t, p, steps+"; answer; call "+g.path)
			v := g.next(t)
			begin := time.Now()
			if err := p.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.dies(t, patience)
			exit := logs.FilterMessage("worker stopped").All()[0].ContextMap()["exit"]
			took := time.Since(begin)
			switch name {
			case "stop frame":
				if exit != "exit status 0" {
					t.Errorf("it ended with %s", exit)
				}
			case "SIGTERM":
				if exit != "signal: terminated" || took < time.Second {
					t.Errorf("it ended with %s after %s; half of the time is for the stop frame", exit, took)
				}
			default:
				if exit != "signal: killed" || took < 300*time.Millisecond {
					t.Errorf("it ended with %s after %s", exit, took)
				}
			}
		})
	}
}

// When its answer comes, to the moment, is tested in head_test.go, where nothing but the clock takes time.
func TestARequestThatTakesTooLongLosesItsWholeProcessGroup(t *testing.T) {
	c, g := self(1), newGate(t)
	c.RequestTimeout = time.Second // also of the requests that are answered
	p := start(t, c)
	ask(t, p, "answer; ignore term; fork "+g.path+"; call "+g.path) // after the answer it may take its time
	one, other := g.next(t), g.next(t)
	_, err := p.Exec(t.Context(), script("block"))
	if lost := as[*WorkerError](t, err); !errors.Is(err, ErrTimeout) || lost.Unread || lost.After < c.RequestTimeout {
		t.Errorf("got %v, unread %v, after %s; want ErrTimeout", err, lost.Unread, lost.After)
	}
	one.dies(t, patience)
	other.dies(t, patience)
	if got := ask(t, p, "answer", "next"); got != "next" {
		t.Errorf("got %q", got)
	}
	booked(t, p, 1, ReasonTimeout)
}

// What it printed last can take a while to read, where a process that PHP left
// behind holds the pipe: nobody waits for that.
func TestAWorkerThatDiesIdleIsReplacedBeforeItsOutputHasEnded(t *testing.T) {
	c := self(1)
	c.outputPatience = time.Minute
	p, logs := startLogged(t, c)
	g := newGate(t)
	if got := ask(t, p, "fork-out "+g.path+"; then exit 6; answer", "idle"); got != "idle" {
		t.Fatalf("got %q", got)
	}
	holder := g.next(t)
	eventually(t, "another worker is ready", func() bool { return logs.FilterMessage("worker ready").Len() == 2 })
	if logs.FilterMessage("worker crashed").Len() > 0 {
		t.Error("the end was told before the output had ended")
	}
	holder.release()
	eventually(t, "its end is told", func() bool { return logs.FilterMessage("worker crashed").Len() == 1 })
}

func TestNoFileIsLeftOpenByAPool(t *testing.T) {
	start(t, self(1)) // the watchdog, the spawning thread and the poller stay
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	before := openFiles(t)
	for _, relay := range []Relay{RelayAuto, RelayStdio, RelayUnix} {
		c := self(2)
		c.Relay, c.Ini = relay, map[string]string{"user_agent": "x"}
		p := unstarted(t, c)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, p, "answer")
		_, _ = p.Exec(t.Context(), script("exit 1"))
		end(t, p)

		for name, change := range map[string]func(*Config){
			"exits":           func(c *Config) { c.Env[bootEnv] = "exit 1" },
			"no program":      func(c *Config) { c.Command = []string{filepath.Join(temp, "missing")} },
			"no program file": func(c *Config) { c.Command = []string{temp} },
			"no folder":       func(c *Config) { c.Dir = filepath.Join(temp, "missing") },
			"no such limit":   func(c *Config) { c.Rlimits = []process.Rlimit{{Name: "nofile", Soft: 2, Hard: 1}} },
		} {
			c := self(1)
			c.Relay = relay
			change(&c)
			p := unstarted(t, c)
			if err := p.Start(t.Context()); err == nil {
				t.Errorf("%s: it started", name)
			}
			balanced(t, p)
		}
	}
	eventually(t, "all files are closed again", func() bool { return openFiles(t) <= before })
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
