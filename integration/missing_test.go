package integration

import (
	"os"
	"path/filepath"
	"testing"
)

// What cannot run here is skipped, with the reason, so that it never looks as if it
// had: scripts/gotest, and so make test, lists what was skipped. What was last run by
// hand, and when, is in docs/compatibility.md.

// unmodified are fronts with the unmodified RoadRunner packages, one for each folder
// that PHP_VENDOR names. Without any a test is skipped that says so, below t.
func unmodified(t *testing.T) (apps []front) {
	t.Helper()
	folders := filepath.SplitList(os.Getenv("PHP_VENDOR"))
	if len(folders) == 0 {
		t.Run("unmodified RoadRunner packages", func(t *testing.T) {
			t.Skip("PHP_VENDOR names no folder with the packages: see docs/compatibility.md")
		})
	}
	for _, folder := range folders {
		folder, err := filepath.Abs(folder)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(folder, "vendor", "autoload.php")); err != nil {
			t.Fatalf("PHP_VENDOR names a folder without packages: %v", err)
		}
		apps = append(apps, front{name: filepath.Base(folder), folder: folder})
	}
	return apps
}

// needsRoot skips the test unless it may make processes of another user.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("workers of another user need root")
	}
}
