package form

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOnAFullDiskUploadsHaveError7(t *testing.T) {
	dir := t.TempDir()
	o := into(dir)
	o.Create = func() (*os.File, error) {
		link := filepath.Join(dir, "full")
		if err := os.Symlink("/dev/full", link); err != nil {
			return nil, err
		}
		return os.OpenFile(link, os.O_WRONLY, 0)
	}
	f := read(t, part("name=f; filename=x", strings.Repeat("x", 100_000))+part("name=a", "b")+end, o)
	if _, _, size, code, path := upload(t, f, "f"); code != 7 || size != 0 || path != "" || f.Values.Len() != 1 {
		t.Errorf("got %s", f.Uploads)
	}
	if left := stored(t, dir); len(left) > 0 || len(f.Files) > 0 {
		t.Errorf("left %q, files %q", left, f.Files)
	}
}

func TestFilesAreGivenToTheOwnerOrRefused(t *testing.T) {
	const nobody = 65534
	dir := t.TempDir()
	o := into(dir)
	o.UID, o.GID = nobody, nobody
	f := read(t, part("name=f; filename=x", "x")+end, o)
	_, _, _, code, path := upload(t, f, "f")
	if os.Getuid() != 0 {
		if code != 7 || len(stored(t, dir)) > 0 {
			t.Errorf("an owner only root can set: %s", f.Uploads)
		}
		t.Skip("giving a file to another user needs root")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody || info.Mode() != 0o600 {
		t.Errorf("owner %d:%d, mode %v", owner.Uid, owner.Gid, info.Mode())
	}
}

func TestTheOwnerStaysWithoutUIDAndGID(t *testing.T) {
	f := read(t, part("name=f; filename=x", "x")+end, options(t))
	info, err := os.Stat(f.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); int(owner.Uid) != os.Getuid() {
		t.Errorf("owner %d", owner.Uid)
	}
}
