package static

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNoLinkLeadsToWhatItsOwnNameKeepsBack, whichever element of the path is the
// link, and however many there are.
func TestNoLinkLeadsToWhatItsOwnNameKeepsBack(t *testing.T) {
	root := staticSite(t)
	for target, want := range map[string]bool{
		"/head.txt":              false,
		"/hop.txt":               false,
		"/git":                   false,
		"/git/":                  false,
		"/git/HEAD":              false,
		"/src/logo.svg":          false,
		"/storage/deep/HEAD":     false,
		"/own.txt":               false,
		"/.well-known/git/HEAD":  false,
		"/front":                 false,
		"/front/":                false,
		"/self/git/HEAD":         false,
		"/up/public/head.txt":    false,
		"/beside/acme":           false, // the exception is for the root's own
		"/acme/acme":             true,
		"/self/.well-known/acme": false,
		"/packages.txt":          false,
		"/tree/installed.json":   false,
		"/backup.txt":            false,
		"/self/app.css":          true,
		"/self":                  true,
		"/up/notes.txt":          true,
		"/up/public/docs/":       true,
	} {
		if got := served(t, root, target); got != want {
			t.Errorf("%s: served %v, want %v", target, got, want)
		}
	}
}

func TestOnlyWhatLiesBelowTheRootIsJudgedByItsName(t *testing.T) {
	home := filepath.Join(t.TempDir(), ".local")
	if err := os.Rename(filepath.Dir(staticSite(t)), home); err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(home, "public")
	current := filepath.Join(t.TempDir(), "current")
	elsewhere := filepath.Join(t.TempDir(), "far.css")
	if err := os.WriteFile(elsewhere, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{current: real, real + "/far.css": elsewhere, real + "/near.css": real + "/app.css"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(real)
	for _, root := range []string{real, real + "/", current, ".", "../public", "docs/..", "up/.."} {
		for target, want := range map[string]bool{
			"/app.css": true, "/notes.txt": true, "/storage/logo.svg": true, "/manual/guide.html": true, "/manual/": true, "/far.css": true,
			"/near.css": true, "/.well-known/acme": true, "/acme/acme": true, "/head.txt": false, "/git/HEAD": false, "/dot.txt": false, "/own.txt": false,
		} {
			if got := served(t, root, target); got != want {
				t.Errorf("root %s: %s: served %v, want %v", root, target, got, want)
			}
		}
	}
}

func TestWellKnownFilesMayBeSharedByReleases(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"shared/.well-known/acme", "shared/.git/HEAD", "public/app.css"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"public/.well-known": "../shared/.well-known", "public/known": "../shared/.well-known", "shared/.well-known/git": "../.git",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(dir, "public")
	for path, want := range map[string]bool{
		"/.well-known/acme": true, "//.well-known/acme": true, "/.well-known/git/HEAD": false, "/known/acme": false, "/known/git/HEAD": false,
	} {
		if got := served(t, root, path); got != want {
			t.Errorf("%s: served %v, want %v", path, got, want)
		}
	}
}

func TestARootThatIsALinkIsFollowedAtEachRequest(t *testing.T) {
	root := staticSite(t)
	current := filepath.Join(t.TempDir(), "current")
	for _, step := range []struct {
		target string
		want   bool
	}{{filepath.Dir(root), false}, {root, true}} {
		if err := os.RemoveAll(current); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(step.target, current); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/app.css"} {
			if got := served(t, current, path); got != step.want {
				t.Errorf("%s with current -> %s: served %v, want %v", path, step.target, got, step.want)
			}
		}
	}
}
