package form

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestExtensionsDecideWhatIsStored(t *testing.T) {
	for _, c := range []struct {
		allow, forbid string
		name          string
		stored        bool
	}{
		{"", "", "a.php", true},
		{"", "php .phar", "a.php", false},
		{"", "php .phar", "a.PhAr", false},
		{"", "PHP", "a.php", false},
		{"", "php", "a.php.", false},
		{"", "php", "a.php. .", false},
		{"", "php", "a.php.txt", true},
		{"", "php", "dir.php/a.txt", true},
		{"", "php", `x.txt\a.php`, false},
		{"", "php", "php", true},
		{"", "php", ".php", false},
		{"jpg .png", "", "a.jpg", true},
		{"jpg .png", "", "a.PNG", true},
		{"jpg .png", "", "a.gif", false},
		{"jpg .png", "", "a", false},
		{"jpg", "jpg", "a.jpg", false},
		{"jpg", "php", "a.gif", false},
		{"mk", "", "a.m\u212a", false}, // the Kelvin sign
	} {
		o := options(t)
		o.Allow, o.Forbid = strings.Fields(c.allow), strings.Fields(c.forbid)
		f := read(t, part(`name="f"; filename="`+c.name+`"`, "x")+part("name=a", "b")+end, o)
		_, mime, size, code, path := upload(t, f, "f")
		if c.stored && (code != 0 || size != 1 || path == "") || !c.stored && (code != 8 || size != 0 || path != "" || mime != "") {
			t.Errorf("allow %q, forbid %q: %s", c.allow, c.forbid, f.Uploads)
		}
		if len(stored(t, o.Dir)) != len(f.Files) || len(f.Files) == 1 != c.stored || f.Values.Len() != 1 {
			t.Errorf("allow %q, forbid %q: files %q, values %s", c.allow, c.forbid, f.Files, f.Values.AppendJSON(nil))
		}
	}
}

func TestFilesThatAreTooLargeAreUploadsWithAnError(t *testing.T) {
	limit := func(n string) string { return part("name=MAX_FILE_SIZE", n) }
	for _, c := range []struct {
		server int64
		form   string
		size   int
		want   int64
	}{
		{100_000, "", 100_000, 0},
		{100_000, "", 100_001, 1},
		{0, "", 200_000, 0},
		{0, limit("100000"), 100_000, 0},
		{0, limit("100000"), 100_001, 2},
		{100_000, limit("200000"), 300_000, 1},
		{200_000, limit("100000"), 300_000, 2},
		{100_000, limit("100000"), 100_001, 1},
		{0, limit("0"), 100_000, 0},
		{0, limit("-1"), 1, 2},
		{0, limit("-1"), 0, 0},
		{0, limit("99999999999999999999"), 100_000, 0},
		{0, limit("x"), 100_000, 0},
	} {
		o := options(t)
		o.MaxFileSize = c.server
		f := read(t, c.form+part("name=f; filename=x", strings.Repeat("x", c.size))+part("name=a", "b")+end, o)
		_, mime, size, code, path := upload(t, f, "f")
		if code != c.want || code == 0 && size != int64(c.size) || code != 0 && (size != 0 || path != "" || mime != "") {
			t.Errorf("%d bytes, limit %d, form %q: %s", c.size, c.server, c.form, f.Uploads)
		}
		if left := stored(t, o.Dir); len(left) != len(f.Files) || len(left) == 1 != (c.want == 0) {
			t.Errorf("%d bytes, limit %d, form %q: stored %q, files %q", c.size, c.server, c.form, left, f.Files)
		}
		if f.Values.find("a") < 0 {
			t.Errorf("the field behind the file is gone: %s", f.Values.AppendJSON(nil))
		}
	}
}

func TestWithoutAFolderUploadsHaveError6(t *testing.T) {
	o := options(t)
	o.Dir = filepath.Join(o.Dir, "missing")
	f := read(t, part("name=f; filename=x", "x")+part("name=a", "b")+end, o)
	if _, _, size, code, path := upload(t, f, "f"); code != 6 || size != 0 || path != "" || f.Values.Len() != 1 {
		t.Errorf("got %s", f.Uploads)
	}
}

func TestOnAFullDiskUploadsHaveError7(t *testing.T) {
	o := options(t)
	createTemp = func(dir, _ string) (*os.File, error) {
		link := filepath.Join(dir, "full")
		if err := os.Symlink("/dev/full", link); err != nil {
			return nil, err
		}
		return os.OpenFile(link, os.O_WRONLY, 0)
	}
	defer func() { createTemp = os.CreateTemp }()
	f := read(t, part("name=f; filename=x", strings.Repeat("x", 100_000))+part("name=a", "b")+end, o)
	if _, _, size, code, path := upload(t, f, "f"); code != 7 || size != 0 || path != "" || f.Values.Len() != 1 {
		t.Errorf("got %s", f.Uploads)
	}
	if left := stored(t, o.Dir); len(left) > 0 || len(f.Files) > 0 {
		t.Errorf("left %q, files %q", left, f.Files)
	}
}

func TestFilesAreGivenToTheOwnerOrRefused(t *testing.T) {
	const nobody = 65534
	o := options(t)
	o.UID, o.GID = nobody, nobody
	f := read(t, part("name=f; filename=x", "x")+end, o)
	_, _, _, code, path := upload(t, f, "f")
	if os.Getuid() != 0 {
		if code != 7 || len(stored(t, o.Dir)) > 0 {
			t.Errorf("an owner only root can set: %s", f.Uploads)
		}
		return
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

func TestPathsAreAbsoluteAndCarryThePrefix(t *testing.T) {
	t.Chdir(t.TempDir())
	o := options(t)
	o.Dir, o.Prefix = ".", "php-"
	f := read(t, part("name=f; filename=x", "x")+end, o)
	if !filepath.IsAbs(f.Files[0]) || !strings.HasPrefix(filepath.Base(f.Files[0]), "php-") {
		t.Errorf("stored as %s", f.Files[0])
	}
}

// stream is a body of any length that occupies no memory. The file ends in
// text that looks like a delimiter again and again.
func stream(size int64) (io.Reader, int64) {
	const chunk = "\r\n--AaB03\r\n--AaB03y\r\n\r\n--AaB0-"
	head := part(`name="f"; filename="f"`, "")
	head = head[:len(head)-2]
	return io.MultiReader(strings.NewReader(head), io.LimitReader(&repeat{text: chunk}, size), strings.NewReader("\r\n"+end)), size
}

type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		c := copy(p[n:], r.text[r.at:])
		n += c
		r.at = (r.at + c) % len(r.text)
	}
	return len(p), nil
}

func TestMemoryDoesNotGrowWithTheUpload(t *testing.T) {
	allocated := func(size int64) uint64 {
		body, want := stream(size)
		o := options(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := ReadMultipart(body, testType, o)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(f.Files[0])
		if err != nil || info.Size() != want || !strings.Contains(string(f.Uploads), `"size":`+strconv.FormatInt(want, 10)+`,`) {
			t.Fatalf("%s: %v", f.Uploads, err)
		}
		if err := f.Remove(); err != nil {
			t.Error(err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	// Everything that was ever allocated, garbage included.
	small, large := allocated(1<<10), allocated(50_000_000)
	t.Logf("1 KiB: %d bytes allocated, 50 MB: %d bytes", small, large)
	if large > small+64<<10 {
		t.Errorf("50 MB allocate %d bytes, 1 KiB %d", large, small)
	}
}
