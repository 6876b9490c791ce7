package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// caddyBinary is the program under test.
var caddyBinary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if _, err := exec.LookPath("php"); err != nil {
		fmt.Fprintln(os.Stderr, "the integration tests need the php command:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "php_worker-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	caddyBinary = os.Getenv("CADDY_BIN") // one built before, to save the time
	if caddyBinary == "" {
		caddyBinary = filepath.Join(dir, "caddy")
		build := exec.Command("go", "run", "./cmd/build", "-o", caddyBinary)
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building caddy: %v\n%s", err, out)
			return 1
		}
	}
	if code, done := inOwnNetwork(); done {
		return code
	}
	return m.Run()
}
