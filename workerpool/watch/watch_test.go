package watch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// watching watches dir until the test ends. What is told comes from the channel.
func watching(t *testing.T, dir string, patterns ...string) (changed <-chan string) {
	t.Helper()
	told := make(chan string, 100)
	stop, err := Start(dir, patterns, func(file string) { told <- file }, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return told
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// wants waits until the change of a file is told.
func wants(t *testing.T, changed <-chan string, file string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case got := <-changed:
			if got == file {
				return
			}
			t.Errorf("told of %s; want %s", got, file)
		case <-late:
			t.Fatalf("nobody told of %s", file)
		}
	}
}

func TestAChangeIsToldOfFilesThatMatchAndOfNoOther(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "src", "old.php"))
	changed := watching(t, dir, "**/*.php")
	write(t, filepath.Join(dir, "src", "old.txt"))
	write(t, filepath.Join(dir, "src", "old.php"))
	wants(t, changed, filepath.Join(dir, "src", "old.php"))
}

func TestAFileInANewFolderIsTold(t *testing.T) {
	dir := t.TempDir()
	changed := watching(t, dir, "**/*.php")
	file := filepath.Join(dir, "new", "deep", "file.php")
	write(t, file)
	wants(t, changed, file)
}

func TestWhatToolsWriteIsNotTold(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cache", "compiled.php"))
	changed := watching(t, dir, "**/*.php")
	write(t, filepath.Join(dir, "cache", "compiled.php"))
	write(t, filepath.Join(dir, "vendor.php"))
	wants(t, changed, filepath.Join(dir, "vendor.php"))
}

func TestManyChangesAtOnceAreToldOnce(t *testing.T) {
	dir := t.TempDir()
	changed := watching(t, dir, "*.php")
	for _, name := range []string{"a.php", "b.php", "c.php"} {
		write(t, filepath.Join(dir, name))
	}
	wants(t, changed, filepath.Join(dir, "c.php"))
	if n := len(changed); n > 0 {
		t.Errorf("told %d times more", n)
	}
}

func TestAFolderWhoseNameLooksLikeAPatternIsWatched(t *testing.T) {
	for _, name := range []string{"{app}", "{a,b}", "a*", "a?c", "**", "[x]", "(a|b)"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			write(t, filepath.Join(dir, "index.php"))
			changed := watching(t, dir, "*.php")
			write(t, filepath.Join(dir, "index.php"))
			wants(t, changed, filepath.Join(dir, "index.php"))
		})
	}
}

func TestNothingIsToldOnceTheWatchWasStopped(t *testing.T) {
	dir := t.TempDir()
	inside, leave := make(chan bool), make(chan bool)
	ended := false // by the callback; read after stop
	stop, err := Start(dir, []string{"*.php"}, func(string) {
		inside <- true
		<-leave
		ended = true
	}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a.php"))
	<-inside
	stopped := make(chan bool)
	go func() {
		stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		t.Error("stop returned while a change was being told")
	default:
	}
	close(leave)
	<-stopped
	if !ended {
		t.Error("stop returned before the callback did")
	}
	stop() // once more
}

func TestAFolderThatIsMissingIsAnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	if _, err := Start(dir, []string{"*.php"}, nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
