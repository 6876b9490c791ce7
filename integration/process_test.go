package integration

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// process is a worker as it sees itself.
type process struct {
	UID, GID int
	Groups   []int
	Nofile   string
	Cwd      string
	Binary   string
	Ini      any
	Env      map[string]string
}

func ownProcess(t *testing.T, url, ini string) (p process) {
	t.Helper()
	status, body := get(t, url+"/process?ini="+ini)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	decode(t, []byte(body), &p)
	return p
}

// readable copies what the worker needs to a folder that every user can enter,
// and returns the path of the script in it.
func readable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "php_worker-readable-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for from, to := range map[string]string{"../php": "php", "testdata/chaos": "integration/testdata/chaos"} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "integration/testdata/chaos/worker.php")
}

// www is somebody else.
func www(t *testing.T) (name string, uid, gid int) {
	t.Helper()
	for _, name := range []string{"www-data", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ = strconv.Atoi(u.Uid)
			gid, _ = strconv.Atoi(u.Gid)
			return name, uid, gid
		}
	}
	t.Fatal("this system has neither www-data nor nobody")
	return "", 0, 0
}

func TestWorkersRunAsTheirUserWhoAloneCanReadUploads(t *testing.T) {
	t.Parallel()
	name, uid, gid := www(t)
	script := readable(t)
	dir := filepath.Dir(script)
	uploads := filepath.Join(dir, "uploads")
	if err := os.Mkdir(uploads, 0o755); err != nil {
		t.Fatal(err)
	}
	block := func(options ...string) string {
		return directive(script, append(options, "name app", "workers 1", fmt.Sprintf("dir %q", dir), "user "+name)...)
	}
	if os.Geteuid() != 0 {
		said := startFails(t, "http://127.0.0.1:"+strconv.Itoa(freePorts(t, 1)[0])+" {\n"+block()+"\n}\n")
		if !strings.Contains(said, "workers cannot run as user") {
			t.Errorf("without root's rights caddy says: %s", said)
		}
	}
	needsRoot(t)
	for _, relay := range []string{"auto", "stdio", "unix"} {
		t.Run("relay "+relay, func(t *testing.T) {
			t.Parallel()
			_, url := site(t, block("relay "+relay, "body_memory 1KB", fmt.Sprintf("uploads {\ndir %q\n}", uploads)))
			p := ownProcess(t, url, "")
			if p.UID != uid || p.GID != gid || slices.Contains(p.Groups, 0) {
				t.Errorf("the worker runs as %d:%d with the groups %v, want %d:%d", p.UID, p.GID, p.Groups, uid, gid)
			}
			file := uploadFile(t, url, []byte("private"))["file"]
			if file.Error != 0 || file.Content != "private" {
				t.Errorf("the upload as the worker sees it: %+v", file)
			}
			if file.Owner != uid || file.Mode&0o077 != 0 {
				t.Errorf("the upload belongs to %d with the mode %o, want %d and nothing for others", file.Owner, file.Mode, uid)
			}
			if p.Env["RR_RELAY"] != "" && strings.HasPrefix(p.Env["RR_RELAY"], "unix://") != (relay == "unix") {
				t.Errorf("relay %s is offered as %s", relay, p.Env["RR_RELAY"])
			}
		})
	}
}

// While a worker boots, its socket must be open to its user and to nobody else.
func TestTheRelaySocketBelongsToTheWorkersUser(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	name, uid, _ := www(t)
	script := readable(t)
	gate := newGate(t)
	for path := gate.path; path != "/"; path = filepath.Dir(path) { // let the user through
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o005 != 0o005 {
			_ = os.Chmod(path, info.Mode().Perm()|0o055)
		}
	}
	if err := os.Chmod(gate.path, 0o666); err != nil {
		t.Fatal(err)
	}
	// The script has not connected yet when it says where its socket is.
	before := filepath.Join(filepath.Dir(script), "before.php")
	code := "<?php\nfwrite(STDERR, 'relay at ' . getenv('RR_RELAY') . \"\\n\");\nfgets(fopen(getenv('FIRST'), 'rb'));\nrequire __DIR__ . '/worker.php';\n"
	if err := os.WriteFile(before, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	port := freePorts(t, 1)[0]
	s := launch(t, fmt.Sprintf("http://127.0.0.1:%d {\n%s\n}\n", port, directive(before, "name app", "workers 1", "relay unix", "user "+name, env("FIRST", gate.path))))
	said := s.waitLog("relay at unix://")["msg"].(string)
	socket := strings.TrimPrefix(said, "relay at unix://")
	for path, what := range map[string]string{socket: "socket", filepath.Dir(socket): "folder"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != uid {
			t.Errorf("the %s of the relay belongs to %d, want %d", what, owner, uid)
		}
		if what == "folder" && info.Mode().Perm() != 0o700 {
			t.Errorf("the folder of the relay has the mode %v", info.Mode())
		}
	}
	gate.open("go on")
	s.waitLog("serving initial configuration")
	if _, err := os.Stat(filepath.Dir(socket)); !os.IsNotExist(err) {
		t.Errorf("the folder of the relay is still there: %v", err)
	}
}

func TestLimitsIniAndFolderReachPHP(t *testing.T) {
	t.Parallel()
	_, url := site(t, chaosWorker(t, "workers 1", "rlimit nofile 64:128", "ini memory_limit 77M", fmt.Sprintf("dir %q", absolute(t, "testdata"))))
	p := ownProcess(t, url, "memory_limit")
	if p.Nofile != "64:128" {
		t.Errorf("PHP may open %s files, want 64:128", p.Nofile)
	}
	if p.Ini != "77M" {
		t.Errorf("memory_limit is %v", p.Ini)
	}
	if p.Cwd != absolute(t, "testdata") {
		t.Errorf("the working directory is %s", p.Cwd)
	}
}

func TestAClearedEnvironmentHoldsNothingOfCaddys(t *testing.T) {
	t.Parallel()
	for _, cleared := range []bool{false, true} {
		options := []string{"workers 1", env("MINE", "yes")}
		if cleared {
			options = append(options, "clear_env")
		}
		s, url := site(t, chaosWorker(t, options...), withEnv("CADDY_SECRET=not for PHP"))
		p := ownProcess(t, url, "")
		if _, leaked := p.Env["CADDY_SECRET"]; leaked == cleared {
			t.Errorf("clear_env %v: CADDY_SECRET is there: %v", cleared, leaked)
		}
		if p.Env["PATH"] == "" || p.Env["MINE"] != "yes" || p.Env["RR_MODE"] != "http" {
			t.Errorf("clear_env %v: the environment lacks what it needs: %v", cleared, p.Env)
		}
		if cleared { // the harness knows processes by their environment
			for _, pid := range s.pool("app").serving() {
				if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestAnotherPHPIsTakenWhereOneIsNamed(t *testing.T) {
	t.Parallel()
	real, err := exec.LookPath("php")
	if err != nil {
		t.Fatal(err)
	}
	php := filepath.Join(t.TempDir(), "my-php")
	script := fmt.Sprintf("#!/bin/sh\nMY_PHP=1 exec %s \"$@\"\n", real)
	if err := os.WriteFile(php, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, url := site(t, chaosWorker(t, "workers 1", fmt.Sprintf("php %q", php)))
	if p := ownProcess(t, url, ""); p.Env["MY_PHP"] != "1" {
		t.Errorf("the worker runs with %s, not through %s", p.Binary, php)
	}
}
