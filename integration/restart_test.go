package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// slowToBoot is a script whose old code boots until the gate is opened; code that is
// deployed meanwhile boots at once.
func slowToBoot(t *testing.T, gate *gate) option {
	t.Helper()
	return withFile("app.php", fmt.Sprintf(`<?php
const RELEASE = '1';
if (getenv('BOOTS') === 'slowly') {
    fwrite(STDERR, "boots slowly\n");
    fgets(fopen('%s', 'rb'));
}
require '%s';
`, gate.path, absolute(t, "testdata/chaos/worker.php")))
}

func TestARestartReachesThePoolThatAReloadIsStarting(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	port := freePorts(t, 1)[0]
	worker := "php_worker app.php {\nname app\nworkers 1\n%s\n}"
	s := start(t, on(port, fmt.Sprintf(worker, "")), slowToBoot(t, gate))
	reloaded := make(chan string, 1)
	go func() {
		out, err := s.reload(on(port, fmt.Sprintf(worker, env("BOOTS", "slowly"))))
		reloaded <- fmt.Sprint(err, out)
	}()
	s.waitLog("boots slowly")
	s.code("app.php", 2)
	if text := s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", ""); !strings.Contains(text, "restarted") {
		t.Errorf("the restart: %s", text)
	}
	gate.open("go on")
	if out := <-reloaded; !strings.HasPrefix(out, "<nil>") {
		t.Fatalf("the reload: %s", out)
	}
	wantBody(t, base(port)+"/", "2", 3)
}

// A deploy may come while Caddy itself starts.
func TestARestartReachesThePoolsOfACaddyThatStarts(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	port := freePorts(t, 1)[0]
	s := launch(t, on(port, "php_worker app.php {\nname app\nworkers 1\n"+env("BOOTS", "slowly")+"\n}"), slowToBoot(t, gate))
	s.waitLog("boots slowly")
	if out, code := s.command("list"); code != 0 || !strings.Contains(out, "  starting\n") {
		t.Errorf("exit status %d: %s", code, out)
	}
	s.code("app.php", 2)
	if out, code := s.command("restart"); code != 0 || out != "app: restarted\n" {
		t.Errorf("exit status %d: %s", code, out)
	}
	gate.open("go on")
	s.waitLog("serving initial configuration")
	wantBody(t, base(port)+"/", "2", 3)
}

func TestARestartWhosePoolIsReplacedIsSupersededByTheReload(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	port := freePorts(t, 1)[0]
	worker := "php_worker app.php {\nname app\nworkers 1\n%s\n}"
	s := start(t, on(port, fmt.Sprintf(worker, "")), withFile("app.php", fmt.Sprintf("<?php\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	s.write("app.php", fmt.Sprintf(`<?php
const RELEASE = '2';
if (getenv('BOOTS') !== 'fast') {
    fwrite(STDERR, "boots slowly\n");
    fgets(fopen('%s', 'rb'));
}
require '%s';
`, gate.path, absolute(t, "testdata/chaos/worker.php")))
	restart := inBackground(t, http.MethodPost, "http://"+s.admin+"/php_worker/pools/app/restart?wait=true", nil)
	s.waitLog("boots slowly")
	s.mustReload(on(port, fmt.Sprintf(worker, env("BOOTS", "fast"))))
	if a := <-restart; a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, "superseded") {
		t.Errorf("the restart: %+v", a)
	}
	wantBody(t, base(port)+"/", "2", 3)
	if n := len(s.logs.records("rolling restart aborted")); n > 0 {
		t.Errorf("it is logged as a failure, %d times", n)
	}
}

func TestARestartOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := site(t, "respond here")
	if out, code := s.command("restart"); code != 1 || !strings.Contains(out, "there is no pool") {
		t.Errorf("exit status %d: %s", code, out)
	}
}
