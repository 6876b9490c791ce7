package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What each of php/examples answers first.
var examples = map[string]string{
	"boot-heavy":   "hello from the vault",
	"demo":         "<!doctype html>",
	"frankenphp":   "Request 1 of process ",
	"hello":        "<h1>Hello from process ",
	"laravel":      "Request 1 of process ",
	"psr15":        "Request 1 of process ",
	"slim":         "Request 1 of process ",
	"superglobals": "<h1>Your visit 1</h1>",
	"symfony":      "Request 1 of process ",
	"tutorial":     "Hello number 1 from process ",
}

// A fresh checkout of php/, and "caddy run" in the folder of the example: nothing else is needed. The
// Caddyfile is the example's own, but for its port and that of the admin endpoint.
func TestEveryExampleStartsWithOneCommand(t *testing.T) {
	t.Parallel()
	folders, err := os.ReadDir("../php/examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		t.Run(folder.Name(), func(t *testing.T) {
			t.Parallel()
			want, known := examples[folder.Name()]
			if !known {
				t.Fatal("this test does not know what the example answers")
			}
			checkout := t.TempDir()
			tracked, err := exec.Command("git", "-C", "../php", "ls-files", "-z", "autoload.php", "src", "examples/"+folder.Name()).Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range strings.Split(strings.TrimSuffix(string(tracked), "\x00"), "\x00") {
				text, err := os.ReadFile(filepath.Join("../php", name))
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(checkout, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				writeFile(t, path, string(text))
			}
			ports := freePorts(t, 2)
			own := filepath.Join(checkout, "examples", folder.Name())
			text, err := os.ReadFile(filepath.Join(own, "Caddyfile"))
			if err != nil {
				t.Fatal(err)
			}
			caddyfile := strings.Replace(string(text), "localhost:8080", fmt.Sprintf("localhost:%d", ports[0]), 1)
			if global, found := strings.CutPrefix(caddyfile, "{\n"); found {
				caddyfile = fmt.Sprintf("{\n\tadmin 127.0.0.1:%d\n%s", ports[1], global)
			} else {
				caddyfile = fmt.Sprintf("{\n\tadmin 127.0.0.1:%d\n}\n%s", ports[1], caddyfile)
			}
			writeFile(t, filepath.Join(own, "Caddyfile"), caddyfile)

			with := []option{withCommand(func(cmd *exec.Cmd) { cmd.Dir = own })}
			if folder.Name() == "boot-heavy" {
				address := startServices(t)
				with = append(with, withEnv("VAULT_ADDR="+address), withEnv("VAULT_TOKEN=s.token"), withEnv("FLIPT_URL="+address))
			}
			s := launch(t, "", with...)
			s.waitLog("serving initial configuration")
			if status, body := get(t, fmt.Sprintf("http://localhost:%d/", ports[0])); status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("the example answers %d %.300q, want %q", status, body, want)
			}
		})
	}
}

// startServices runs what the example boot-heavy asks when it boots, and returns its address.
func startServices(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("php", "../php/tests/fixtures/services.php")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address)
}

// An example is tried on a laptop in a café, too.
func TestExamplesListenOnThisMachineOnly(t *testing.T) {
	files, err := filepath.Glob("../php/examples/*/Caddyfile")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		adapt := exec.Command(caddyBinary, "adapt")
		adapt.Dir = filepath.Dir(file)
		out, err := adapt.Output()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var config struct {
			Apps struct {
				HTTP struct {
					Servers map[string]struct{ Listen []string }
				}
			}
		}
		if err := json.Unmarshal(out, &config); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		listens := 0
		for _, server := range config.Apps.HTTP.Servers {
			for _, address := range server.Listen {
				if listens++; !strings.HasPrefix(address, "localhost:") {
					t.Errorf("%s listens on %s", file, address)
				}
			}
		}
		if listens == 0 {
			t.Errorf("%s listens nowhere", file)
		}
	}
}
