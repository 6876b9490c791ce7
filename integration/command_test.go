package integration

import (
	"encoding/json"
	"errors"
	"fmt"
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
	s, _ := site(t, chaosWorker(t, "workers 2 5"))
	pids := s.settled("app", 2).serving()
	out, code := s.command("list")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, out)
	}
	for _, want := range []string{
		`(?m)^POOL +WORKERS +MIN +MAX +QUEUE +RESTARTS +STATE$`,
		`(?m)^app +2 +2 +5 +0 +0 +ok$`,
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
	run(0, "app: between 2 and 2 workers", "scale", "app", "2")
	run(0, "app: between 1 and 3 workers", "scale", "app", "1", "3")

	run(1, "there is no pool \"other\"", "restart", "other")
	run(1, "there is no pool \"other\"", "scale", "other", "1")
	run(1, "maximum", "scale", "app", "3", "2")
	s.write("app.php", "<?php throw new RuntimeException('this is broken');\n")
	run(1, "this is broken", "restart", "app")

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
