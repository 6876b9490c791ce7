package integration

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// withUser runs Caddy as another user, with a copy of the program that this user can read.
func withUser(t *testing.T, uid, gid int) option {
	t.Helper()
	dir, err := os.MkdirTemp("", "php_worker-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(dir, "caddy")
	if out, err := exec.Command("cp", caddyBinary, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return withCommand(func(cmd *exec.Cmd) {
		if out, err := exec.Command("chown", "-R", fmt.Sprint(uid, ":", gid), cmd.Dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if err := os.Chmod(filepath.Dir(cmd.Dir), 0o755); err != nil {
			t.Error(err)
		}
		cmd.Path = binary
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	})
}

func TestAnotherUserGetsItsOwnEnvironmentAndNothingOfCaddys(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	name, uid, _ := www(t)
	script := readable(t)
	for _, clear := range []string{"", "clear_env"} {
		_, url := site(t, directive(script, "workers 1", fmt.Sprintf("dir %q", filepath.Dir(script)), "user "+name, "env EXTRA given", clear), withEnv("API_TOKEN=secret"))
		p := ownProcess(t, url, "")
		if p.UID != uid {
			t.Errorf("the worker runs as %d", p.UID)
		}
		account, err := user.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		for variable, want := range map[string]string{"USER": name, "LOGNAME": name, "HOME": account.HomeDir, "EXTRA": "given", "PATH": os.Getenv("PATH")} {
			if p.Env[variable] != want {
				t.Errorf("%s is %q, want %q", variable, p.Env[variable], want)
			}
		}
		for variable, value := range p.Env {
			if strings.Contains(value, "secret") || strings.HasPrefix(variable, "XDG_") {
				t.Errorf("the worker sees %s=%s of Caddy's", variable, value)
			}
		}
	}
}

func TestCaddyNeedNotBeRootWhereItIsThatUserAlready(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	name, uid, gid := www(t)
	script := readable(t)
	for _, spec := range []string{name, fmt.Sprint(name, ":", gid)} {
		_, url := site(t, directive(script, "workers 1", fmt.Sprintf("dir %q", filepath.Dir(script)), "user "+spec), withUser(t, uid, gid), withEnv("OURS=kept"))
		if p := ownProcess(t, url, ""); p.UID != uid || p.GID != gid || p.Env["OURS"] != "kept" {
			t.Errorf("with user %s the worker runs as %d:%d with OURS=%q", spec, p.UID, p.GID, p.Env["OURS"])
		}
	}
}

func TestWithoutTheRightsForItAnotherUserIsRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	name, uid, gid := www(t)
	script := readable(t)
	for _, other := range []string{"root", "nobody", name + ":0"} {
		said := startFails(t, fmt.Sprintf("http://127.0.0.1:%d {\n%s\n}\n", freePorts(t, 1)[0], directive(script, "workers 1", "user "+other)), withUser(t, uid, gid))
		account, _, _ := strings.Cut(other, ":")
		for _, want := range []string{fmt.Sprintf(`workers cannot run as user \"%s\"`, account), fmt.Sprintf("runs as user %d", uid), "CAP_SETUID"} {
			if !strings.Contains(said, want) {
				t.Errorf("for user %s, %s is missing:\n%s", other, want, said)
			}
		}
	}
}
