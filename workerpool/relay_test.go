package workerpool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

var relays = []Relay{RelayAuto, RelayStdio, RelayUnix}

func TestEveryRelayCarriesRequestsOfAnySize(t *testing.T) {
	for _, relay := range relays {
		t.Run(string(relay), func(t *testing.T) {
			c := self(2)
			c.Relay = relay
			p := start(t, c)
			for _, size := range []int{0, 1, (32 << 10) - 100, (32 << 10), 300_000, 5_000_000} {
				body := strings.Repeat("z", size)
				if got := ask(t, p, "answer", body); got != body {
					t.Errorf("of %d bytes %d came back", size, len(got))
				}
			}
			if n := len(p.Stats().Restarts); n != 0 {
				t.Errorf("%d workers ended", n)
			}
		})
	}
}

func TestAWorkerIsToldItsRelay(t *testing.T) {
	for relay, want := range map[Relay]string{RelayAuto: "pipes://fd/3:fd/4", RelayStdio: "pipes", RelayUnix: "unix:///"} {
		t.Run(string(relay), func(t *testing.T) {
			c := self(1)
			c.Relay, c.RelayEnvName = relay, []string{"OTHER_RELAY"}
			env := environ(t, start(t, c))
			if !strings.HasPrefix(env["RR_RELAY"], want) || env["OTHER_RELAY"] != env["RR_RELAY"] {
				t.Errorf("RR_RELAY is %q, the other %q; want %q", env["RR_RELAY"], env["OTHER_RELAY"], want)
			}
		})
	}
}

func TestAWorkerThatKnowsOnlyStdioIsServedOnAutoToo(t *testing.T) {
	c := self(1)
	c.Env["RR_RELAY"] = "pipes"
	p := start(t, c)
	for range 3 {
		if got := ask(t, p, "say noise; answer", "over stdio"); got != "over stdio" {
			t.Errorf("got %q", got)
		}
	}
}

func TestAWorkerBehindAWrapperIsKnownByItsOwnPID(t *testing.T) {
	for _, relay := range []Relay{RelayAuto, RelayUnix} {
		t.Run(string(relay), func(t *testing.T) {
			c := self(1)
			c.Relay = relay
			c.Command = []string{"/bin/sh", "-c", `"$0" & wait`, player}
			p := start(t, c)
			pid := ask(t, p, "pid")
			if s := p.Stats().Workers[0]; fmt.Sprint(s.PID) != pid || s.Memory < 1<<20 {
				t.Errorf("told of worker %d with %d bytes; it is %s", s.PID, s.Memory, pid)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			for w := range p.workers {
				if fmt.Sprint(w.child.PID()) == pid {
					t.Error("there is no wrapper: the test proves nothing")
				}
			}
		})
	}
}

func TestWhatIsPrintedOnStdoutIsLoggedAndDisturbsNothing(t *testing.T) {
	for _, relay := range relays {
		t.Run(string(relay), func(t *testing.T) {
			c := self(1)
			c.Relay = relay
			c.Env[bootEnv] = "say before the first frame; moan on stderr"
			p, logs := startLogged(t, c)
			if got := ask(t, p, "say between; answer; say PHP Warning:  behind; say not\x10\x13quite a frame", "answer"); got != "answer" {
				t.Errorf("got %q", got)
			}
			if got := ask(t, p, "answer", "second"); got != "second" {
				t.Errorf("got %q", got)
			}
			for line, level := range map[string]zapcore.Level{
				"before the first frame": zapcore.InfoLevel, "on stderr": zapcore.InfoLevel, "between": zapcore.InfoLevel,
				"PHP Warning:  behind": zapcore.WarnLevel, `not\x10\x13quite a frame`: zapcore.InfoLevel,
			} {
				eventually(t, line+" is logged", func() bool { return logs.FilterMessage(line).Len() == 1 })
				entry := logs.FilterMessage(line).All()[0]
				if entry.Level != level || entry.ContextMap()["pid"] == int64(0) {
					t.Errorf("%q was logged at %s with %v", line, entry.Level, entry.ContextMap())
				}
			}
		})
	}
}

func TestAProcessThatOutlivesItsWorkerAndHoldsTheRelayHidesNothing(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	pid := ask(t, p, "pid")
	r := send(p, t.Context(), script("fork-with-relay "+g.path+"; moan dying; visit "+g.path+"; exit 6"))
	begin := time.Now()
	for range 2 { // the worker and what it leaves behind
		if v := g.next(t); fmt.Sprint(v.pid) == pid {
			v.release()
		}
	}
	lost := as[*WorkerError](t, receive(t, r).err)
	if lost.Exit != "exit status 6" || lost.Unread || !slices.Contains(lost.Output, "dying") {
		t.Errorf("exit %q, unread %v, output %q", lost.Exit, lost.Unread, lost.Output)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s to notice", took)
	}
	if got := ask(t, p, "answer", "next"); got != "next" {
		t.Errorf("got %q", got)
	}
}

// environ asks a worker for its environment.
func environ(t *testing.T, p *Pool) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for line := range strings.SplitSeq(ask(t, p, "env"), "\n") {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

func TestTheEnvironmentIsOursThenTheRelayThenTheUsers(t *testing.T) {
	t.Setenv("OURS", "kept")
	t.Setenv("REPLACED", "ours")
	dir := t.TempDir()
	c := self(1)
	c.Dir = dir
	c.Env["REPLACED"] = "theirs"
	c.Env["EMPTY"] = ""
	env := environ(t, start(t, c))
	for name, want := range map[string]string{"OURS": "kept", "REPLACED": "theirs", "EMPTY": "", "PWD": dir, "PATH": os.Getenv("PATH")} {
		if got, set := env[name]; got != want || !set {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}

	c.ClearEnv = true
	env = environ(t, start(t, c))
	var names []string
	for name := range env {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"EMPTY", "GORACE", "PATH", "PHP_WORKER_MARK", "PWD", "REPLACED", "RR_RELAY", roleEnv}
	if !slices.Equal(names, want) {
		t.Errorf("a cleared environment has %q; want %q", names, want)
	}
}

func TestAMovedLinkIsFollowedByTheNextWorker(t *testing.T) {
	base := t.TempDir()
	for _, release := range []string{"41", "42"} {
		if err := os.Mkdir(filepath.Join(base, release), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(base, "current")
	point := func(release string) {
		_ = os.Remove(current)
		if err := os.Symlink(release, current); err != nil {
			t.Fatal(err)
		}
	}
	point("41")
	c := self(1)
	c.Dir = current
	p := start(t, c)
	if got := ask(t, p, "cwd"); filepath.Base(got) != "41" {
		t.Errorf("the worker runs in %q", got)
	}
	point("42")
	if got := ask(t, p, "cwd"); filepath.Base(got) != "41" {
		t.Errorf("the old worker moved to %q", got)
	}
	restart(t, p)
	if got := ask(t, p, "cwd"); filepath.Base(got) != "42" {
		t.Errorf("the new worker runs in %q", got)
	}
}

func TestResourceLimitsReachTheWorker(t *testing.T) {
	c := self(1)
	c.Rlimits = []process.Rlimit{{Name: "nofile", Soft: 123, Hard: 456}, {Name: "core"}}
	// The Go runtime of a fake worker raises its soft limit to the hard one.
	if got := ask(t, start(t, c), "files"); !strings.HasSuffix(got, " 456") {
		t.Errorf("the limits of open files are %q", got)
	}
}
