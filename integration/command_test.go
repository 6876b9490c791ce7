package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// command runs "caddy php-worker" against the server and returns what it printed,
// and its exit status.
func (s *server) command(args ...string) (string, int) {
	s.t.Helper()
	out, err := s.caddy(append([]string{"php-worker"}, append(args, "--address", s.admin)...)...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out, exit.ExitCode()
	}
	if err != nil {
		s.t.Fatalf("php-worker %v: %v", args, err)
	}
	return out, 0
}

func TestTheCommandListsPoolsAndWorkersAsTables(t *testing.T) {
	t.Parallel()
	s, _ := site(t, chaosWorker(t, "workers 2 5", "memory 200MB"))
	pids := s.settled("app", 2).serving()
	out, code := s.command("list")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, out)
	}
	for _, want := range []string{
		`(?m)^POOL +MODE +WORKERS +MIN +MAX +QUEUE +HELD +RESTARTS +STATE$`,
		`(?m)^app +worker +2 +2 +5 +0 +0 B of 200 MB +0 +ok$`,
		`(?m)^PID +POOL +STATE +REQUESTS +MEMORY +AGE +BUSY$`,
		fmt.Sprintf(`(?m)^%d +app +idle +0 +\d+(\.\d+)? MiB +\d+s *$`, pids[0]),
		fmt.Sprintf(`(?m)^%d +app +idle +0 +\d+(\.\d+)? MiB +\d+s *$`, pids[1]),
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the tables do not match %s:\n%s", want, out)
		}
	}
	out, code = s.command("list", "--json")
	var pools []poolView
	if err := json.Unmarshal([]byte(out), &pools); err != nil || code != 0 || len(pools) != 1 || !slices.Equal(pools[0].serving(), pids) {
		t.Errorf("exit status %d, %v: %s", code, err, out)
	}
}

func TestTheCommandTellsScriptsWhatCameOfIt(t *testing.T) {
	t.Parallel()
	s, _ := site(t, "php_worker app.php {\nname app\nworkers 1\n}", withFile("app.php", fmt.Sprintf("<?php\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	run := func(want int, say string, args ...string) {
		t.Helper()
		if out, code := s.command(args...); code != want || !strings.Contains(strings.ReplaceAll(out, `\`, ""), say) {
			t.Errorf("php-worker %s: exit status %d, want %d and %q: %s", strings.Join(args, " "), code, want, say, out)
		}
	}
	first := s.settled("app", 1).serving()[0]
	run(0, "app: restarted", "restart", "app")
	run(0, "app: restarted", "restart") // all pools
	run(0, "app: restarting", "restart", "--no-wait", "app")
	eventually(t, "that restart is over", func() bool { return !s.pool("app").Restarting })
	if second := s.settled("app", 1).serving()[0]; second == first {
		t.Errorf("worker %d survived three restarts", first)
	}
	run(0, "app: restarted", "restart", "--wait", "drained", "app")
	run(2, "it is one of serving, drained", "restart", "--wait", "long", "app")
	run(0, "app: 2 workers", "scale", "app", "2")
	run(0, "app: 1 worker", "scale", "app", "1")
	run(0, "app: between 1 and 3 workers", "scale", "app", "1", "3")

	run(1, "there is no pool \"other\"", "restart", "other")
	run(1, "there is no pool \"other\"", "scale", "other", "1")
	run(1, "maximum", "scale", "app", "3", "2")
	s.write("app.php", "<?php throw new RuntimeException('this is broken');\n")
	run(1, "this is broken", "restart", "app")

	run(2, "exclude each other", "restart", "--no-wait", "--wait", "drained")
	run(2, "not a number", "scale", "app", "many")
	run(2, "", "scale", "app")
	run(2, "", "list", "too", "many")
	run(2, "", "list", "--no-such-flag")
	run(2, "", "no-such-command")
	nobody := "127.0.0.1:" + strconv.Itoa(freePorts(t, 1)[0])
	if out, err := s.caddy("php-worker", "list", "--address", nobody); exitCode(err) != 2 || !strings.Contains(out, "is Caddy running?") {
		t.Errorf("without Caddy: exit status %d: %s", exitCode(err), out)
	}
}

func TestTheCommandNamesWhatStillDrains(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, chaosWorker(t, "workers 1"))
	answer := inBackground(t, http.MethodGet, url+"/wait?gate="+gate.path, nil)
	s.waitLog("waits")
	old := s.pool("app").in("busy")[0]
	out, code := s.command("restart", "app")
	if want := fmt.Sprintf("app: restarted\napp: old worker %d still drains, busy for ", old); code != 0 || !strings.HasPrefix(out, want) || !strings.Contains(out, "ends in 5m0s at the latest") && !strings.Contains(out, "ends in 4m") {
		t.Errorf("exit status %d, want 0 and %q: %s", code, want, out)
	}
	if out, _ := s.command("list"); !regexp.MustCompile(fmt.Sprintf(`(?m)^%d +app +draining \(restart\) `, old)).MatchString(out) {
		t.Errorf("the list does not show that worker %d drains:\n%s", old, out)
	}
	gate.open("done")
	<-answer
}

// A process of classic mode that has answered is asked, when it is to go, whether it is ready: it has no request.
func TestTheCommandNamesNoWorkerThatOnlyHasToEnd(t *testing.T) {
	t.Parallel()
	s, url := site(t, classicSite(scripts(t), "name app", "workers 1"))
	get(t, url+"/pid.php")
	if out, code := s.command("restart", "app"); code != 0 || out != "app: restarted\n" {
		t.Errorf("exit status %d: %s", code, out)
	}
}

// exitCode is -1 where the command did not even run.
func exitCode(err error) int {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return 0
	case ok:
		return exit.ExitCode()
	}
	return -1
}

func TestTheCommandFindsCaddyByTheCaddyfileOfTheFolder(t *testing.T) {
	t.Parallel()
	s, _ := site(t, chaosWorker(t, "workers 1"))
	pid := s.settled("app", 1).serving()[0]
	for name, args := range map[string][]string{"by itself": nil, "as told": {"--config", "Caddyfile"}} {
		if out, err := s.caddy(append([]string{"php-worker", "list"}, args...)...); err != nil || !strings.Contains(out, fmt.Sprintf("\n%d ", pid)) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	s.write("Caddyfile", "{\n")
	if out, err := s.caddy("php-worker", "list"); exitCode(err) != 2 || !strings.Contains(out, "Error: finding the admin endpoint, which --address can name: ") {
		t.Errorf("with a broken Caddyfile: %v: %s", err, out)
	}
}

func TestTheCommandSaysWhatIsWrongInPlainWords(t *testing.T) {
	t.Parallel()
	s, _ := site(t, chaosWorker(t, "workers 1"))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"restart", "other"}, 1, `Error: other: there is no pool "other"; the pools are: app`},
		{[]string{"scale", "app", "3", "2"}, 1, "Error: cannot scale to a minimum of 3 and a maximum of 2 workers: the minimum must be at least 0, the maximum at least 1 and not below it"},
		{[]string{"scale", "app", "many"}, 2, `Error: "many" is not a number of workers`},
		{[]string{"stop", "1"}, 1, "Error: no pool has a worker 1"},
		{[]string{"stop", "one"}, 2, `Error: "one" is not a process id`},
	} {
		if out, code := s.command(c.args...); code != c.code || out != c.want+"\n" {
			t.Errorf("php-worker %v: exit status %d, want %d: %s", c.args, code, c.code, out)
		}
	}
}

func TestTheCommandEndsSingleWorkers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		how    string
		status int // of the request that the worker has
	}{
		"after their request": {nil, "after its request", http.StatusOK},
		"at once":             {[]string{"--force"}, "at once", http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := newGate(t)
			s, url := site(t, chaosWorker(t, "workers 2"))
			s.settled("app", 2)
			answer := inBackground(t, http.MethodPost, url+"/wait?gate="+gate.path, nil)
			s.waitLog("waits")
			busy, idle := s.pool("app").in("busy")[0], s.pool("app").in("idle")[0]
			out, code := s.command(append([]string{"stop", fmt.Sprint(busy), fmt.Sprint(idle)}, c.args...)...)
			if want := fmt.Sprintf("app: worker %d ends %s\napp: worker %d ends %s\n", busy, c.how, idle, c.how); code != 0 || out != want {
				t.Errorf("exit status %d: %s", code, out)
			}
			eventually(t, "the idle one is gone", func() bool { return s.gone([]int{idle}) })
			if c.args == nil {
				gate.open("done")
			}
			if a := <-answer; a.status != c.status {
				t.Errorf("the request got status %d, %q, want %d", a.status, a.body, c.status)
			}
			eventually(t, "both are replaced", func() bool { return s.gone([]int{busy, idle}) && len(s.pool("app").serving()) == 2 })
		})
	}
}
