//go:build linux

package launch

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// classicPatience is how long a test waits for what has to happen. No test takes so long unless it fails.
const classicPatience = 20 * time.Second

// classicFor returns a launcher of a php-fpm or php-cgi.
func classicFor(t *testing.T, kind string, s Settings) Launcher {
	t.Helper()
	names := map[string][]string{"fpm": {"php-fpm", "php-fpm8.2", "/usr/sbin/php-fpm8.2"}, "cgi": {"php-cgi"}}[kind]
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			s.Command = append([]string{path}, s.Command...)
			if s.Classic == nil {
				s.Classic = &Classic{Most: 3}
			}
			l, err := NewClassic(s)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(l.Close)
			return l
		}
	}
	t.Skip("php-" + kind + " is not installed")
	return nil
}

func eachKind(t *testing.T, test func(t *testing.T, kind string)) {
	for _, kind := range []string{"fpm", "cgi"} {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

func order() (Order, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	log := zap.New(core)
	return Order{Log: func() *zap.Logger { return log }}, logs
}

// linked starts a worker and waits until it is ready.
func linked(t *testing.T, l Launcher, o Order) (Worker, Link) {
	t.Helper()
	w, err := l.Launch(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), classicPatience)
	defer cancel()
	c, err := w.Link(ctx)
	if err != nil {
		lines, fatal := w.Transcript()
		t.Fatalf("%v; %s; %q", err, fatal, lines)
	}
	t.Cleanup(func() {
		w.Kill()
		ended(t, w)
		w.Close()
		c.Close()
	})
	return w, c
}

func ended(t *testing.T, w Worker) {
	t.Helper()
	select {
	case <-w.Done():
	case <-time.After(classicPatience):
		t.Fatal("it has not ended")
	}
}

func TestClassicWorkersAreDifferentProcessesOfOneParent(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{})
		o, _ := order()
		seen := make(map[int]bool)
		for range 3 {
			w, c := linked(t, l, o)
			if w.PID() != c.PID() || seen[c.PID()] || !c.MayAsk() {
				t.Errorf("process %d, connection to %d, others %v", w.PID(), c.PID(), seen)
			}
			seen[c.PID()] = true
		}
	})
}

func TestAClassicWorkerEndsWhenItIsAskedTo(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{})
		o, _ := order()
		w, c := linked(t, l, o)
		if err := c.AskToLeave(); err != nil {
			t.Error(err)
		}
		ended(t, w)
		if exit, orderly := w.Exit(); !orderly {
			t.Errorf("it ended with %s", exit)
		}
		// And its place is free.
		for range 3 {
			linked(t, l, o)
		}
	})
}

func TestHowAClassicWorkerEndedIsToldByItsParent(t *testing.T) {
	l := classicFor(t, "fpm", Settings{})
	o, _ := order()
	w, _ := linked(t, l, o)
	w.Kill()
	ended(t, w)
	if exit, orderly := w.Exit(); orderly || exit != "signal: killed" {
		t.Errorf("%q, orderly %v", exit, orderly)
	}
}

func TestAClassicWorkerThatIsGivenUpBeforeItIsConnected(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{})
		o, _ := order()
		w, err := l.Launch(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if c, err := w.Link(ctx); !errors.Is(err, context.Canceled) || c != nil {
			t.Errorf("got %v, %v", c, err)
		}
		w.Kill()
		ended(t, w)
		w.Close()
		linked(t, l, o)
	})
}

func TestANextGenerationIsReadyBeforeItIsNeeded(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{})
		o, _ := order()
		old, _ := linked(t, l, o)
		next, err := l.Renew(t.Context(), o.Log, false)
		if err != nil || next == l {
			t.Fatalf("%v, the same launcher: %v", err, next == l)
		}
		t.Cleanup(next.Close)
		if next.(*classicLauncher).current == nil {
			t.Error("it has no parent yet")
		}
		linked(t, next, o)
		select {
		case <-old.Done():
			t.Error("the old worker has ended")
		default:
		}
		l.Close()
		ended(t, old)
	})
}

// Somebody restarts a pool that nobody has asked for anything yet.
func TestANextGenerationLogsThoughNoneWasStartedBefore(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		o, _ := order()
		next, err := classicFor(t, kind, Settings{}).Renew(t.Context(), o.Log, false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(next.Close)
		if next.(*classicLauncher).current.out.logger() != o.Log() {
			t.Error("what PHP says goes elsewhere")
		}
	})
}

func TestAClassicLauncherLeavesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{Ini: map[string]string{"memory_limit": "77M"}})
		o, _ := order()
		w, _ := linked(t, l, o)
		parent := l.(*classicLauncher).current
		folders := slices.Clone(parent.folders)
		l.Close()
		ended(t, w)
		for _, dir := range folders {
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		}
		if _, err := l.Launch(o); err == nil {
			t.Error("a closed launcher has started something")
		}
		l.Close()
	})
}

func TestTheParentIsStartedAnewWhenItHasEnded(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{})
		o, _ := order()
		w, _ := linked(t, l, o)
		first := l.(*classicLauncher).current
		first.Kill()
		ended(t, w)
		if exit, orderly := w.Exit(); orderly || kind == "fpm" && !strings.Contains(exit, "signal: killed") {
			t.Errorf("the worker ended with %q, orderly %v", exit, orderly)
		}
		<-first.Done()
		linked(t, l, o)
		if l.(*classicLauncher).current == first {
			t.Error("it is the same parent")
		}
		for _, dir := range first.folders {
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s of the first is still there: %v", dir, err)
			}
		}
	})
}

func TestAParentThatDoesNotStartIsExplained(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{Ini: map[string]string{"opcache.enable_cli": "1", "opcache.preload": "/nowhere/preload.php", "opcache.preload_user": "nobody"}})
		o, _ := order()
		w, err := l.Launch(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), classicPatience)
		defer cancel()
		_, err = w.Link(ctx)
		if _, ok := errors.AsType[*EndedError](err); !ok {
			t.Fatalf("got %v", err)
		}
		w.Kill()
		ended(t, w)
		<-w.OutputDone()
		if lines, fatal := w.Transcript(); !strings.Contains(fatal, "/nowhere/preload.php") {
			t.Errorf("%q, %q", fatal, lines)
		}
		if _, err := l.Renew(ctx, o.Log, false); err == nil || !strings.Contains(err.Error(), "/nowhere/preload.php") {
			t.Errorf("the next generation: %v", err)
		}
	})
}

func TestWhatAParentSaysLastIsReadBeforeItsEndIsTold(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{Ini: map[string]string{"opcache.enable_cli": "1", "opcache.preload": "/nowhere/preload.php", "opcache.preload_user": "nobody"}})
		slow := make(chan struct{})
		o, _ := order()
		log := o.Log().WithOptions(zap.Hooks(func(zapcore.Entry) error {
			<-slow
			return nil
		}))
		w, err := l.Launch(Order{Log: func() *zap.Logger { return log }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), classicPatience)
		defer cancel()
		if _, err = w.Link(ctx); err == nil {
			t.Error("it has a parent")
		}
		w.Kill()
		ended(t, w)
		read := w.OutputDone()
		select {
		case <-read:
			t.Error("nothing has been read yet")
		default:
		}
		close(slow)
		select {
		case <-read:
		case <-ctx.Done():
			t.Fatal("what it says has no end")
		}
		if lines, fatal := w.Transcript(); !strings.Contains(fatal, "/nowhere/preload.php") {
			t.Errorf("%q, %q", fatal, lines)
		}
		w.Close()
		w.Close()
	})
}

func TestAFolderWithANameTooLongForSocketsIsNamed(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		dir := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", dir)
		o, _ := order()
		if _, err := classicFor(t, kind, Settings{}).Launch(o); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "TMPDIR") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAWorkerIsConnectedThoughPHPFPMHasNotNoticed(t *testing.T) {
	// php-fpm looks for somebody free when a connection comes. Where it finds one that then
	// does not take it, it does not look again by itself.
	l := classicFor(t, "fpm", Settings{})
	o, _ := order()
	linked(t, l, o)
	p := l.(*classicLauncher).current
	w := newClassicWorker(p, &l.(*classicLauncher).settings)
	ctx, cancel := context.WithTimeout(t.Context(), classicPatience)
	defer cancel()
	for range 5 {
		free, err := w.connect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		free.Close()
		linked(t, l, o)
	}
}

func TestWorkersStartThoughTheTemporaryFolderHasBeenRemoved(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		dir, err := os.MkdirTemp("", "t") // a short name
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		t.Setenv("TMPDIR", dir)
		l := classicFor(t, kind, Settings{Ini: map[string]string{"precision": "7"}})
		o, _ := order()
		remove := func() {
			left, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(left) == 0 {
				t.Errorf("%v: there is nothing to be removed", err)
			}
			for _, name := range left {
				if err := os.RemoveAll(name); err != nil {
					t.Error(err)
				}
			}
		}
		w, _ := linked(t, l, o)
		parent := l.(*classicLauncher).current
		remove()
		linked(t, l, o)
		if l.(*classicLauncher).current != parent {
			t.Error("it has another parent")
		}
		parent.Kill()
		ended(t, w)
		<-parent.Done()
		linked(t, l, o)
		if l.(*classicLauncher).current == parent {
			t.Error("it has the old parent")
		}
	})
}

func TestBudgetsAndLimitsReachTheConversation(t *testing.T) {
	l := classicFor(t, "fpm", Settings{MaxInMemory: 4711, Budget: noBudget{}})
	s := l.(*classicLauncher).settings
	if s.MaxInMemory != 4711 || s.Budget == nil {
		t.Errorf("%+v", s)
	}
}

type noBudget struct{}

func (noBudget) Take(int64) bool { return true }
func (noBudget) Book(int64)      {}

var _ goridge.Budget = noBudget{}

func TestTheNewestPHPIsFound(t *testing.T) {
	all := []string{"/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm7.4", "/usr/sbin/php-fpm8.10", "/usr/sbin/php-fpm"}
	slices.SortFunc(all, func(a, b string) int { return versionOf(b) - versionOf(a) })
	want := []string{"/usr/sbin/php-fpm", "/usr/sbin/php-fpm8.10", "/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm7.4"}
	if !slices.Equal(all, want) {
		t.Errorf("got %q", all)
	}
	for name, which := range map[string]int{"php-fpm": 0, "php-cgi": 1} {
		dir := t.TempDir()
		path := os.Getenv("PATH")
		t.Setenv("PATH", dir)
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if found, err := findClassic(); err != nil || which == 0 && found[0] != file {
			t.Errorf("%s: %q, %v", name, found, err)
		}
		t.Setenv("PATH", path)
	}
}

func TestAProcessHasOneWorkerAtATime(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		l := classicFor(t, kind, Settings{Classic: &Classic{Most: 1}})
		o, _ := order()
		w, c := linked(t, l, o)
		c.Close() // its process is free again, and takes the next connection
		second, err := l.Launch(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), classicPatience)
		defer cancel()
		type result struct {
			link Link
			err  error
		}
		linking := make(chan result, 1)
		go func() {
			c, err := second.Link(ctx)
			linking <- result{c, err}
		}()
		if kind == "cgi" { // with php-fpm there may be another one
			select {
			case r := <-linking:
				t.Fatalf("it got %v, %v", r.link, r.err)
			case <-time.After(100 * time.Millisecond):
			}
		}
		w.Kill()
		ended(t, w)
		w.Close()
		r := <-linking
		if r.err != nil {
			t.Fatal(r.err)
		}
		if r.link.PID() == w.PID() {
			t.Error("it got the process of the other worker")
		}
		second.Kill()
		ended(t, second)
		second.Close()
		r.link.Close()
	})
}
