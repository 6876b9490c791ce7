package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// markedPHP makes a php command that leaves a mark before it becomes the real one,
// and returns its folder and the mark's path.
func markedPHP(t *testing.T) (dir, mark string) {
	t.Helper()
	dir = t.TempDir()
	mark = filepath.Join(dir, "php-was-started")
	real, err := exec.LookPath("php")
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n: > '%s'\nexec '%s' \"$@\"\n", mark, real)
	if err := os.WriteFile(filepath.Join(dir, "php"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, mark
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestValidateAndAdaptNeverStartPHP(t *testing.T) {
	t.Parallel()
	dir, mark := markedPHP(t)
	inPATH := "PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH")
	for _, c := range []struct{ name, site string }{
		{"a good script", lifeWorker(t, "ini memory_limit 64M")},
		{"a script that dies", lifeWorker(t, env("DIE", "1"))},
		{"a script that does not exist", "php_worker no-such.php"},
		{"a php of its own", lifeWorker(t, fmt.Sprintf("php %q", filepath.Join(dir, "php")))},
		{"a command", fmt.Sprintf("php_worker {\ncommand %q worker.php\n}", filepath.Join(dir, "php"))},
		{"a php that does not exist", "php_worker worker.php {\nphp no-such-php\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "Caddyfile")
			if err := os.WriteFile(config, []byte("{\nadmin off\nauto_https off\n}\n"+on(80, c.site)), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"validate", "adapt"} {
				cmd := exec.CommandContext(t.Context(), caddyBinary, command, "--adapter", "caddyfile", "--config", config)
				cmd.Dir = filepath.Dir(config)
				cmd.Env = append(os.Environ(), inPATH, "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("caddy %s: %v\n%s", command, err, out)
				}
				if exists(mark) {
					t.Fatalf("caddy %s has started PHP", command)
				}
			}
		})
	}
	// The mark means something: with the same PATH, run makes it.
	site(t, lifeWorker(t, "workers 1"), withEnv(inPATH))
	if !exists(mark) {
		t.Error("caddy run has not started the php in PATH")
	}
}

func TestValidateNamesTheLineOfAnError(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte(on(80, "php_worker worker.php {\n\twrokers 2\n}")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), caddyBinary, "validate", "--config", config).CombinedOutput()
	if err == nil {
		t.Error("caddy validate takes an unknown option")
	}
	for _, want := range []string{"Caddyfile:3", "wrokers", "workers"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the message does not say %q:\n%s", want, out)
		}
	}
}

// What can never start is no valid configuration.
func TestValidateRefusesWhatCanNeverStart(t *testing.T) {
	t.Parallel()
	for option, want := range map[string]string{
		"rlimit files 100":                `unknown rlimit "files": it is one of as, core, cpu, data, fsize, memlock, nofile, nproc, stack`,
		"rlimit nofile many":              "neither a number nor unlimited",
		"watch src/{a,b":                  "src/{a,b",
		"user nobody-of-that-name":        "is not known on this machine",
		"env URL https://{host}/callback": "has no value when the configuration is loaded",
	} {
		config := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(config, []byte(on(80, "php_worker worker.php {\n\t"+option+"\n}")), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), caddyBinary, "validate", "--config", config).CombinedOutput()
		if err == nil || !strings.Contains(strings.ReplaceAll(string(out), `\`, ""), want) {
			t.Errorf("%s: %v, want %q:\n%s", option, err, want, out)
		}
	}
}
