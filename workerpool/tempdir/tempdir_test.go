//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package tempdir

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// holdEnv names a folder that the test binary shall lock, and nothing else.
const holdEnv = "TEMPDIR_TEST_HOLD"

func init() {
	if dir := os.Getenv(holdEnv); dir != "" {
		f, err := os.Open(dir)
		if err == nil {
			err = tryLock(f)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the test ends
		os.Exit(0)
	}
}

func below(t *testing.T, base string) *Dir {
	t.Helper()
	f, err := Open(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

func pathOf(t *testing.T, f *Dir) string {
	t.Helper()
	p, err := f.Sub(-1, -1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAFolderIsSharedAndEndsWithItsLastUser(t *testing.T) {
	base := t.TempDir()
	a, err := Open(base)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(base)
	if err != nil || a != b {
		t.Fatalf("a second folder below the same base: %v", err)
	}
	dir := pathOf(t, a)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil || len(entries(t, base)) != 1 {
		t.Errorf("the folder went with its first user: %v", err)
	}
	if err := b.Close(); err != nil || len(entries(t, base)) != 0 {
		t.Errorf("left: %q, %v", entries(t, base), err)
	}
}

func TestWhatAKilledProcessLeftIsRemovedAndNothingElse(t *testing.T) {
	base := t.TempDir()
	// A process that locks its folder as we do, and lives on; and one that is killed.
	holder := func() (*exec.Cmd, string) {
		dir, err := os.MkdirTemp(base, namePrefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "upload"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), holdEnv+"="+dir)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stdin.Close() })
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "locked\n" {
			t.Fatalf("%q, %v", line, err)
		}
		return cmd, dir
	}
	alive, spared := holder()
	killed, abandoned := holder()
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	defer func() {
		_ = alive.Process.Kill()
		_ = alive.Wait()
	}()
	other := filepath.Join(base, "somebody-else")
	target := t.TempDir()
	link := filepath.Join(base, namePrefix+"link")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(target, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	below(t, base)
	if isFolder(abandoned) {
		t.Error("the folder of the killed process is still there")
	}
	if _, err := os.Stat(filepath.Join(spared, "upload")); err != nil {
		t.Errorf("a live process lost its file: %v", err)
	}
	if _, err := os.Stat(filepath.Join(target, "precious")); err != nil || !isFolder(other) {
		t.Errorf("what is not ours was touched: %v", err)
	}
}

func TestAFolderThatBelongsToAnotherUserIsLeftAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a folder of another user needs root")
	}
	base := t.TempDir()
	theirs := filepath.Join(base, namePrefix+"1-1")
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	f := below(t, base)
	if !isFolder(theirs) {
		t.Error("it was removed")
	}
	dir, err := f.Sub(65534, 65534)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 || ownerOf(info) != 65534 {
		t.Errorf("the folder for user 65534 has mode %v and owner %d, %v", info.Mode(), ownerOf(info), err)
	}
}

func TestProcessesThatStartTogetherDoNotRemoveEachOthersFolders(t *testing.T) {
	base := t.TempDir()
	// Folders of their own, as processes have them: not shared by base.
	all := make([]Dir, 24)
	var wg sync.WaitGroup
	for i := range all {
		all[i].base = base
		wg.Go(func() {
			for range 20 {
				all[i].mu.Lock()
				sweep(base)
				err := all[i].make()
				if err != nil || !isFolder(all[i].root.Name()) {
					t.Errorf("made %v: %v", all[i].root, err)
				}
				all[i].mu.Unlock()
			}
		})
	}
	wg.Wait()
	for i := range all {
		if name := all[i].root.Name(); !isFolder(name) {
			t.Errorf("%s is gone", name)
		}
		all[i].forget()
	}
	below(t, base)
	if left := entries(t, base); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

func TestAFolderThatSomebodyRemovedIsMadeAnew(t *testing.T) {
	f := below(t, t.TempDir())
	if err := os.RemoveAll(pathOf(t, f)); err != nil {
		t.Fatal(err)
	}
	if dir := pathOf(t, f); !isFolder(dir) {
		t.Errorf("%s is no folder", dir)
	}
}

func TestABaseThatIsMissingIsAnError(t *testing.T) {
	base := filepath.Join(t.TempDir(), "missing")
	if _, err := Open(base); err == nil || !strings.Contains(err.Error(), base) {
		t.Errorf("got %v", err)
	}
}

func ownerOf(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// The base may be the pool's user's own, who can put links where our folder was.
func TestAUserWhoOwnsTheBaseCannotLeadUsAstray(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a base of another user needs root")
	}
	const user = 65534
	for name, astray := range map[string]func(base, ours, target string) error{
		"a link to another folder": func(base, ours, target string) error { return os.Symlink(target, ours) },
		"a folder with such a link": func(base, ours, target string) error {
			return errors.Join(os.Mkdir(ours, 0o755), os.Symlink(target, filepath.Join(ours, fmt.Sprint(user, "-", user))))
		},
		"a link to our own": func(base, ours, target string) error { return os.Symlink(ours+".moved", ours) },
	} {
		t.Run(name, func(t *testing.T) {
			base, target := t.TempDir(), t.TempDir()
			if err := os.Chown(base, user, user); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(target, "precious"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			f := below(t, base)
			ours := pathOf(t, f)
			if err := os.Rename(ours, ours+".moved"); err != nil {
				t.Fatal(err)
			}
			if err := astray(base, ours, target); err != nil {
				t.Fatal(err)
			}
			file, err := f.Create(user, user, "upload-")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			real, err := filepath.EvalSymlinks(file.Name())
			if err != nil || real != file.Name() {
				t.Errorf("the file %s is %s, %v", file.Name(), real, err)
			}
			if _, err := f.Sub(user, user); err != nil {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if got := entries(t, target); len(got) != 1 || got[0] != "precious" {
				t.Errorf("the other folder holds %v", got)
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Fatal(err)
			}
			if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 0 {
				t.Errorf("the other folder belongs to %d", owner.Uid)
			}
		})
	}
}

func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
