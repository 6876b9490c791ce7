package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// limited is an application that can be made to use time and memory. It streams, too.
func limited(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`<?php
		require '%s';
		function spin() { while (true) { $x = 1; } }
		PhpWorker\Worker::create()->run(static function (PhpWorker\Request $request): PhpWorker\Response {
			switch (preg_replace('~^/own~', '', $request->path)) {
				case '/spin': spin();
				case '/eat': for ($all = []; ; ) { $all[] = str_repeat('x', 1 << 20); }
				case '/sleep': usleep(2_500_000); break;
				case '/ini': return PhpWorker\Response::text((string) ini_get($request->query['name']));
				case '/length': return PhpWorker\Response::text((string) strlen($request->body));
			}
			return PhpWorker\Response::text($request->path);
		});`, absolute(t, "../php/autoload.php"))
}

// phpIni is the option that gives PHP a php.ini of its own.
func phpIni(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "php.ini"), text)
	return env("PHPRC", dir)
}

func TestAnEndlessLoopIsEndedAndPHPSaysWhereItIs(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\nini max_execution_time 1\n}", withFile("app.php", limited(t)))
	pid := s.settled("app", 1).serving()[0]
	res := send(t, request(t, http.MethodGet, url+"/spin?id=7", nil)) // which may be repeated, but not this one
	if res.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("status %d", res.StatusCode)
	}
	record := s.waitLog("killed a worker that took too long")
	if record["uri"] != "/spin?id=7" || record["pid"] != float64(pid) || record["pool"] != "app" || !strings.Contains(fmt.Sprint(record["error"]), "CPU time") {
		t.Errorf("the record says %v", record)
	}
	if p := s.settled("app", 1); p.Restarts["timeout"] != 1 || p.serving()[0] == pid {
		t.Errorf("afterwards the pool is %+v", p)
	}
	s.wantWhere(url+"/spin", "app.php on line 3")
	wantBody(t, url+"/sleep", "/sleep", 1) // takes longer, and uses nothing
	wantBody(t, url+"/ini?name=max_execution_time", "0", 1)
}

func TestAWorkerThatHangsSaysWhereItIs(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\nrequest_timeout 300ms\n}", withFile("app.php", limited(t)))
	s.wantWhere(url+"/sleep", "app.php on line 8")
}

// wantWhere proves that the log tells where PHP was when its time was over. On a busy machine it
// may not come to saying so, and is asked again.
func (s *server) wantWhere(url, where string) {
	s.t.Helper()
	eventually(s.t, "the log says "+where, func() bool {
		if status, _ := get(s.t, url); status != http.StatusGatewayTimeout {
			s.t.Fatalf("status %d", status)
		}
		for _, record := range s.logs.records("killed a worker that took too long") {
			if strings.Contains(fmt.Sprint(record["output"]), where) {
				return true
			}
		}
		return false
	})
}

func TestARequestMayNotTakeAllTheMemoryThereIs(t *testing.T) {
	t.Parallel()
	// As Debian has it for the command line.
	unlimited := phpIni(t, "memory_limit = -1\n")
	s, url := site(t, "php_worker /own* app.php {\nname own\nworkers 1\nini memory_limit 256M\n"+unlimited+"\n}\n"+
		"php_worker app.php {\nname app\nworkers 1\n"+unlimited+"\n}", withFile("app.php", limited(t)))
	wantBody(t, url+"/ini?name=memory_limit", "512M", 1)
	if status, _ := get(t, url+"/eat"); status != http.StatusBadGateway {
		t.Errorf("status %d", status)
	}
	if record := s.waitLog("worker crashed"); !strings.Contains(fmt.Sprint(record["output"]), "Allowed memory size of 536870912 bytes exhausted") {
		t.Errorf("the record says %v", record)
	}
	wantBody(t, url+"/ini?name=opcache.jit", "tracing", 1)
	wantBody(t, url+"/own/ini?name=memory_limit", "256M", 1)
}

// Nobody takes a worker away by what he sends, as long as nobody has changed the limits.
func TestTheLargestBodyEndsNoWorker(t *testing.T) {
	t.Parallel()
	for _, app := range append([]front{{}}, unmodified(t)...) {
		worker := "app.php"
		if app.folder != "" {
			worker = "packages.php"
		}
		s, url := site(t, "php_worker "+worker+" {\nname app\nworkers 1\n"+phpIni(t, "memory_limit = -1\n")+"\n}",
			withFile("app.php", limited(t)), withFile("packages.php", `<?php
				require '`+app.folder+`/vendor/autoload.php';
				$worker = new Spiral\RoadRunner\Http\HttpWorker(Spiral\RoadRunner\Worker::create());
				while ($request = $worker->waitRequest()) $worker->respond(200, (string) strlen($request->body));`))
		pid := s.settled("app", 1).serving()[0]
		for range 2 { // the second beside what is left of the first
			r := request(t, http.MethodPost, url+"/length", bytes.NewReader(make([]byte, 128_000_000)))
			r.Header.Set("Content-Type", "application/octet-stream")
			res := send(t, r)
			if text, err := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || string(text) != "128000000" {
				t.Errorf("status %d, %.100s (%v)", res.StatusCode, text, err)
			}
		}
		if now := s.settled("app", 1).serving()[0]; now != pid {
			t.Errorf("worker %d was replaced by %d", pid, now)
		}
	}
}

func TestASettingOfPHPsOwnIniWinsOverTheDefaultMemoryLimit(t *testing.T) {
	t.Parallel()
	_, url := site(t, "php_worker app.php {\nworkers 1\n"+phpIni(t, "memory_limit = 333M\n")+"\n}", withFile("app.php", limited(t)))
	wantBody(t, url+"/ini?name=memory_limit", "333M", 1)
}

// A PHP with Xdebug, say, warns at every start where the JIT is wanted.
func TestNoJITIsWantedOfAPHPThatCannotHaveIt(t *testing.T) {
	t.Parallel()
	debug := filepath.Join(t.TempDir(), "php-debug")
	writeFile(t, debug, `#!/bin/sh
		case "$*" in
		*" -r "*) echo 'php_worker asked: {"version": "8.2.0", "id": 80200, "memory_limit": "128M", "jit": false, "sockets": true}' ;;
		*) exec php -d precision=5 "$@" ;;
		esac`)
	if err := os.Chmod(debug, 0o700); err != nil {
		t.Fatal(err)
	}
	_, url := site(t, fmt.Sprintf("php_worker app.php {\nworkers 1\nphp %q\n}", debug), withFile("app.php", limited(t)))
	wantBody(t, url+"/ini?name=opcache.jit_buffer_size", "0", 1)
	wantBody(t, url+"/ini?name=precision", "5", 1)
}

func TestASettingThatDoesNothingIsRefusedBeforePHPStarts(t *testing.T) {
	t.Parallel()
	said := startFails(t, on(freePorts(t, 1)[0], "php_worker app.php {\nini output_buffering 4096\n}"), withFile("app.php", limited(t)))
	if !strings.Contains(said, "ini output_buffering has no effect in a worker") {
		t.Errorf("the message is not clear:\n%s", said)
	}
}
