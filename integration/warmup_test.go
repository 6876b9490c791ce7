package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// warmed is a worker script of this release that answers /up with a status.
func warmed(t *testing.T, release string, status int) string {
	t.Helper()
	return fmt.Sprintf(`<?php
		require '%s';
		PhpWorker\Worker::create()->run(static fn(PhpWorker\Request $request): PhpWorker\Response => match ($request->path) {
			'/' => PhpWorker\Response::text('%s'),
			'/up' => PhpWorker\Response::text('going up', %d),
		});`, absolute(t, "../php/autoload.php"), release, status)
}

func TestARestartWhoseWarmUpFailsIsAborted(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 2\nwarmup /up?full=1\n}", withFile("app.php", warmed(t, "1", 200)))
	before := s.settled("app", 2).serving()
	traffic := startTraffic(t, 2, always(url+"/"), nil)

	s.write("app.php", warmed(t, "2", 500))
	status, text := s.api(http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	for _, want := range []string{"the answer to /up?full=1 has status 500", "old workers keep serving"} {
		if status != http.StatusInternalServerError || !strings.Contains(text, want) {
			t.Errorf("status %d, want 500 and %q: %s", status, want, text)
		}
	}
	eventually(t, "the failed worker is gone", func() bool { return len(s.pool("app").Workers) == 2 })
	if p := s.pool("app"); !slices.Equal(p.serving(), before) || p.BootFailures != 1 {
		t.Errorf("after the restart that failed, with %v before: %+v", before, p)
	}
	wantBody(t, url+"/", "1", 10)

	// What the application finds wrong with the request is no reason to stay.
	s.write("app.php", warmed(t, "3", 404))
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	wantBody(t, url+"/", "3", 10)
	traffic.end().wantNoFailure(t)
}

func TestAFirstWarmUpThatFailsRejectsTheConfiguration(t *testing.T) {
	t.Parallel()
	said := startFails(t, on(freePorts(t, 1)[0], "php_worker app.php {\nworkers 1\nwarmup /up\n}"), withFile("app.php", warmed(t, "1", 500)))
	if !strings.Contains(said, "the answer to /up has status 500") {
		t.Errorf("the message is not clear:\n%s", said)
	}
}

// "artisan down", and the like, answer everything with 503: no reason not to start, or to keep
// old code.
func TestAnApplicationInMaintenanceStartsAndIsDeployed(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\nwarmup /up\n}", withFile("app.php", warmed(t, "1", 503)))
	s.waitLog("warming up: the answer to /up has status 503; is the application in maintenance?")
	s.write("app.php", warmed(t, "2", 503))
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	wantBody(t, url+"/", "2", 10)
}
