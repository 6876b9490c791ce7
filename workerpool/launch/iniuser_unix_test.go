//go:build unix

package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// What the pool's user must not do it must not be able to allow itself.
func TestThePoolsUserMayReadItsIniSettingsAndNotChangeThem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("settings of another user need root")
	}
	dir := t.TempDir()
	for at := dir; at != "/"; at = filepath.Dir(at) {
		if strings.HasPrefix(at, os.TempDir()+"/") {
			if err := os.Chmod(at, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	ini, err := newIni(temp(t, dir), map[string]string{"disable_functions": "exec"}, &Prepend{Script: "<?php"}, &process.User{UID: 65534, GID: 65534})
	if err != nil {
		t.Fatal(err)
	}
	path, err := ini.path()
	if err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]bool{
		"cat %s/*.ini": true, "cat %s/prepend.php": true, "ls %s": true, "echo x >> %s/prepend.php": false, "echo x >> %s/99-php_worker.ini": false, "rm -f %s/99-php_worker.ini": false, "touch %s/new.ini": false,
	} {
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(command, "%s", path))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); (err == nil) != want {
			t.Errorf("%s: %v, %s", command, err, out)
		}
	}
}
