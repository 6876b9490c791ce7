package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pidOf is the process that answers.
func pidOf(t *testing.T, base string) int {
	t.Helper()
	status, body := get(t, base+"/pid.php")
	pid, err := strconv.Atoi(body)
	if status != http.StatusOK || err != nil {
		t.Fatalf("%d, %q", status, body)
	}
	return pid
}

func TestAReloadLeavesAClassicPoolThatIsUnchangedAlone(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	port := freePorts(t, 1)[0]
	s := start(t, on(port, classicSite(root, "workers 1")))
	pid := pidOf(t, base(port))
	parent := parentOf(pid)
	for i := range 3 { // what is about routes is none of the pool's business
		s.mustReload(on(port, fmt.Sprintf("header X-Reload %d", i), classicSite(root, "workers 1", fmt.Sprintf("deny_scripts /up%d", i))))
		if now := pidOf(t, base(port)); now != pid {
			t.Errorf("after reload %d process %d answers, before it was %d", i, now, pid)
		}
	}
	s.mustReload(on(port, classicSite(root, "workers 1", "ini precision 7")))
	after := pidOf(t, base(port))
	if after == pid || parentOf(after) == parent {
		t.Errorf("process %d of parent %d answers with other settings", after, parent)
	}
	if got := see(t, request(t, "GET", base(port)+"/see.php", nil)); got.Precision != "7" {
		t.Errorf("precision is %s", got.Precision)
	}
	eventually(t, "the old parent and its processes are gone", func() bool { return s.gone([]int{pid, parent}) })
}

func TestValidateStartsNoClassicPHP(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	dir := t.TempDir()
	mark := filepath.Join(dir, "php-was-started")
	for _, name := range []string{"php", "php-fpm", "php-cgi"} {
		if err := os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "#!/bin/sh\n: > '%s'\n", mark), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "Caddyfile")
	for _, option := range []string{"", "php " + filepath.Join(dir, "php-fpm"), "php no-such-php"} {
		if err := os.WriteFile(config, []byte("{\nadmin off\nauto_https off\n}\n"+on(80, classicSite(root, option))), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"validate", "adapt"} {
			cmd := exec.CommandContext(t.Context(), caddyBinary, command, "--adapter", "caddyfile", "--config", config)
			cmd.Env = append(os.Environ(), "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s with %q: %v\n%s", command, option, err, out)
			}
			if exists(mark) {
				t.Fatalf("caddy %s has started PHP", command)
			}
		}
	}
}

func TestAPHPThatCannotRunScriptsIsNamed(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	for binary, want := range map[string]string{"php": "name a php-fpm or a php-cgi", "no-such-php": "no-such-php", "true": "true"} {
		if said := startFails(t, on(freePorts(t, 1)[0], classicSite(root, "php "+binary))); !strings.Contains(said, want) {
			t.Errorf("php %s: nothing says %q:\n%s", binary, want, said)
		}
	}
}

func TestEitherProgramOfPHPRunsScripts(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	for sapi, names := range map[string]string{"cgi-fcgi": "php-cgi", "fpm-fcgi": "php-fpm*"} {
		binary := ""
		for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"} {
			if found, _ := filepath.Glob(filepath.Join(dir, names)); len(found) > 0 {
				binary = found[len(found)-1]
			}
		}
		if binary == "" {
			t.Errorf("there is no %s", names)
			continue
		}
		_, url := site(t, classicSite(root, "workers 2", "php "+binary))
		got := see(t, request(t, "GET", url+"/see.php/i?q=1", nil))
		if got.SAPI != sapi {
			t.Errorf("%s says that it is %s", binary, got.SAPI)
		}
		wantParams(t, binary, got, map[string]string{"SCRIPT_NAME": "/see.php", "PATH_INFO": "/i", "PHP_SELF": "/see.php/i", "QUERY_STRING": "q=1", "SCRIPT_FILENAME": root + "/see.php", "REDIRECT_STATUS": "200"})
	}
}

func TestErrorPagesAreMadeByScripts(t *testing.T) {
	t.Parallel()
	root := scripts(t, "secret.inc", "uploads/x.php")
	_, url := site(t, classicSite(root, "workers 1", "max_body 10B", "deny_scripts /uploads")+
		"handle_errors {\nrewrite * /failed.php?code={err.status_code}\nphp_worker {\nworkers 1\n}\n}\n")
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/secret.inc", "", 404}, {"GET", "/uploads/x.php", "", 403}, {"GET", "/a%00.php", "", 400}, {"POST", "/see.php", "more than ten bytes", 413},
	} {
		status, body := do(t, request(t, c.method, url+c.path, strings.NewReader(c.body)))
		if want := fmt.Sprintf("page for %d of GET %s", c.want, c.path); status != c.want || body != want {
			t.Errorf("%s: %d, %q, want %q", c.path, status, body, want)
		}
	}
}

func TestOneClassicPoolServesSeveralSites(t *testing.T) {
	t.Parallel()
	one, two := scripts(t, "one.php"), scripts(t, "two.php")
	ports := freePorts(t, 3)
	s := start(t, on(ports[0], "root "+one, "php_worker {\npool shared\n}")+on(ports[1], "root "+two, "php_worker {\npool shared\nindex two.php\n}")+on(ports[2], "root "+two, "php_worker"),
		withGlobal("php_worker {\npool shared {\nworkers 1\n}\ndefaults {\nrelay unix\nwarmup /\nini precision 11\n}\n}"))
	if a, b := pidOf(t, base(ports[0])), pidOf(t, base(ports[1])); a != b {
		t.Errorf("the sites have processes %d and %d", a, b)
	}
	for i, want := range []string{"front / /index.php ", "ran /two.php "} {
		if status, body := get(t, base(ports[i])+"/"); status != 200 || body != want {
			t.Errorf("site %d: %d, %q", i, status, body)
		}
	}
	if got := see(t, request(t, "GET", base(ports[2])+"/see.php", nil)); got.Precision != "11" {
		t.Errorf("precision is %s", got.Precision)
	}
	var pools []struct{ Name, Mode string }
	_, body := get(t, "http://"+s.admin+"/php_worker/pools")
	decode(t, []byte(body), &pools)
	var modes []string
	for _, p := range pools {
		modes = append(modes, p.Name+" "+p.Mode)
	}
	slices.Sort(modes)
	if !slices.Equal(modes, []string{"classic classic", "shared classic"}) {
		t.Errorf("the pools are %q", modes)
	}
}

func TestAScriptThatEndsItsProcessIs502AndNobodyElseIsTouched(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	if err := os.WriteFile(root+"/die.php", []byte("<?php posix_kill(getmypid(), 9); while (true) { usleep(1000); }"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/fatal.php", []byte("<?php nothing_of_the_kind();"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, at := site(t, classicSite(root, "workers 2"))
	g := newGate(t)
	waiting := inBackground(t, "GET", at+"/wait.php?gate="+url.QueryEscape(g.path), nil)
	s.waitLog("waiting in")
	if status, _ := do(t, request(t, "POST", at+"/die.php", nil)); status != http.StatusBadGateway {
		t.Errorf("a process that is killed: %d", status)
	}
	if status, _ := get(t, at+"/fatal.php"); status != http.StatusInternalServerError {
		t.Errorf("a fatal error: %d", status)
	}
	eventually(t, "another process answers", func() bool {
		status, _ := get(t, at+"/pid.php")
		return status == http.StatusOK
	})
	g.open("unharmed")
	if got := <-waiting; got.status != 200 || got.body != "unharmed" {
		t.Errorf("the other request: %+v", got)
	}
}

func TestARequestThatTakesTooLongLosesItsProcess(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	s, at := site(t, classicSite(root, "workers 1", "request_timeout 300ms"))
	before := pidOf(t, at)
	g := newGate(t)
	if status, _ := get(t, at+"/wait.php?gate="+url.QueryEscape(g.path)); status != http.StatusGatewayTimeout {
		t.Errorf("status %d", status)
	}
	eventually(t, "the process is gone", func() bool { return s.gone([]int{before}) })
	eventually(t, "another one answers", func() bool {
		status, _ := get(t, at+"/pid.php")
		return status == http.StatusOK
	})
}
