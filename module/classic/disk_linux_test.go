package classic

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestARootIsPlainOnlyWhereNoElementOfItIsALink(t *testing.T) {
	root := site(t, "folder/in/", "file", "link -> folder", "loop -> loop", "dangling -> nowhere", "closed/in/", "tofile -> file")
	if !isPlain(root) {
		t.Skip("this system cannot tell")
	}
	if err := os.Chmod(root+"/closed", 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(root+"/closed", 0o755) })
	before, err := os.ReadFile(root + "/file")
	if err != nil {
		t.Fatal(err)
	}
	long := root + strings.Repeat("/folder", 100)
	for _, name := range []string{"/", root, root + "/folder", root + "/folder/in", root + "/closed"} {
		if real, err := realRoot(name); !isPlain(name) || err != nil || real != name {
			t.Errorf("%s: %v, and it is %q, %v", name, isPlain(name), real, err)
		}
	}
	for _, name := range []string{
		"", ".", "classic", filepath.Base(root), root + "/", root + "/.", root + "/folder/../folder", root + "//folder", root + "/folder\x00", long,
		root + "/file", root + "/file/in", root + "/link", root + "/link/in", root + "/loop", root + "/dangling", root + "/tofile", root + "/gone", root + "/gone/in",
		"/proc/self", "/proc/self/cwd", "/dev/null",
	} {
		if isPlain(name) {
			t.Errorf("%q is said to be plain", name)
		}
	}
	if now, err := os.ReadFile(root + "/file"); err != nil || string(now) != string(before) || len(now) == 0 {
		t.Errorf("the file was %q and is %q, %v", before, now, err)
	}
	if n := testing.AllocsPerRun(100, func() { isPlain(root) }); n > 0 {
		t.Errorf("asking allocates %v times", n)
	}
}

func TestARootThatBecomesALinkAndAFolderAgainIsSeenAtOnce(t *testing.T) {
	release := site(t, "index.php")
	parent := filepath.Dir(site(t))
	current := filepath.Join(parent, "current")
	r := router(t, Rules{})
	n := counted(r)
	put := func(linked bool) {
		t.Helper()
		if err := os.RemoveAll(current); err != nil {
			t.Fatal(err)
		}
		err := os.CopyFS(current, os.DirFS(release))
		if linked {
			err = errors.Join(err, os.RemoveAll(current), os.Symlink(release, current))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(root string, first, then asked) {
		t.Helper()
		for _, want := range []asked{first, then, then} {
			*n = asked{}
			if d := r.Resolve(current, "/"); d.Status != 0 || d.Script.Root != root || d.Script.File != root+"/index.php" {
				t.Errorf("got %+v, want the root %s", d, root)
			}
			if want.kinds = 1; *n != want && !withoutOpenat2.Load() {
				t.Errorf("the disk was asked %+v times, want %+v", *n, want)
			}
		}
	}
	for range 2 {
		put(false)
		if r.linked.Load() {
			want(current, asked{roots: 1}, asked{plain: 1})
		} else {
			want(current, asked{plain: 1}, asked{plain: 1})
		}
		put(true)
		want(release, asked{plain: 1, roots: 1}, asked{roots: 1})
	}
}

// Not parallel to anything: the limit is that of the whole process.
func TestARootIsFoundWithoutAFreeDescriptor(t *testing.T) {
	root := site(t, "index.php")
	r := router(t, Rules{})
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open(root, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	d := r.Resolve(root, "/")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err != syscall.EMFILE {
		syscall.Close(fd)
		t.Fatalf("opening with a limit of 3 descriptors: %v", err)
	}
	if got := outcome(d); got != "/index.php" {
		t.Errorf("got %s (%s)", got, d.Reason)
	}
}
