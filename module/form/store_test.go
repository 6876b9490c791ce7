package form

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
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
		dir := t.TempDir()
		o := into(dir)
		o.Allow, o.Forbid = strings.Fields(c.allow), strings.Fields(c.forbid)
		f := read(t, part(`name="f"; filename="`+c.name+`"`, "x")+part("name=a", "b")+end, o)
		_, mime, size, code, path := upload(t, f, "f")
		if c.stored && (code != 0 || size != 1 || path == "") || !c.stored && (code != 8 || size != 0 || path != "" || mime != "") {
			t.Errorf("allow %q, forbid %q: %s", c.allow, c.forbid, f.Uploads)
		}
		if len(stored(t, dir)) != len(f.Files) || len(f.Files) == 1 != c.stored || f.Values.Len() != 1 {
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
		{1000, limit("500"), 2000, 2},
		{500, limit("1000"), 2000, 1},
		{0, limit("0"), 100_000, 0},
		{0, limit("-1"), 1, 2},
		{0, limit("-1"), 0, 0},
		{0, limit("99999999999999999999"), 100_000, 0},
		{0, limit("x"), 100_000, 0},
	} {
		dir := t.TempDir()
		o := into(dir)
		o.MaxFileSize = c.server
		f := read(t, c.form+part("name=f; filename=x", strings.Repeat("x", c.size))+part("name=a", "b")+end, o)
		_, mime, size, code, path := upload(t, f, "f")
		if code != c.want || code == 0 && size != int64(c.size) || code != 0 && (size != 0 || path != "" || mime != "") {
			t.Errorf("%d bytes, limit %d, form %q: %s", c.size, c.server, c.form, f.Uploads)
		}
		if left := stored(t, dir); len(left) != len(f.Files) || len(left) == 1 != (c.want == 0) {
			t.Errorf("%d bytes, limit %d, form %q: stored %q, files %q", c.size, c.server, c.form, left, f.Files)
		}
		if f.Values.find("a") < 0 {
			t.Errorf("the field behind the file is gone: %s", f.Values.AppendJSON(nil))
		}
	}
}

func TestAFileOverItsLimitStaysRefusedWhateverFollows(t *testing.T) {
	dir := t.TempDir()
	o := into(dir)
	o.MaxFileSize = 100
	body := part("name=f; filename=x", strings.Repeat("x", 950)) + end
	r := io.MultiReader(strings.NewReader(body[:1000]), iotest.OneByteReader(strings.NewReader(body[1000:])))
	f, err := ReadMultipart(r, testType, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, size, code, _ := upload(t, f, "f"); code != 1 || size != 0 || len(f.Files) > 0 || len(stored(t, dir)) > 0 {
		t.Errorf("%s, files %q", f.Uploads, f.Files)
	}
}

func TestWithoutAFolderUploadsHaveError6(t *testing.T) {
	o := into(filepath.Join(t.TempDir(), "missing"))
	f := read(t, part("name=f; filename=x", "x")+part("name=a", "b")+end, o)
	if _, _, size, code, path := upload(t, f, "f"); code != 6 || size != 0 || path != "" || f.Values.Len() != 1 {
		t.Errorf("got %s", f.Uploads)
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

func TestBuffersAreUsedAgain(t *testing.T) {
	const forms = 200
	o := options(t)
	body := part("name=a", "b") + end
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range forms {
		if _, err := ReadMultipart(strings.NewReader(body), testType, o); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	// The race detector makes the pool lose every fourth buffer.
	if each := (after.TotalAlloc - before.TotalAlloc) / forms; each > bufferSize*3/4 {
		t.Errorf("a small form allocates %d bytes", each)
	}
}
