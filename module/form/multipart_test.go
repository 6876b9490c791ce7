package form

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

const testType = "multipart/form-data; boundary=AaB03x"

// part writes one part of a body with the boundary of testType.
func part(parameters, content string) string {
	return "--AaB03x\r\nContent-Disposition: form-data; " + parameters + "\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n"
}

const end = "--AaB03x--\r\n"

// options stores in a folder of the test and leaves the owner alone.
func options(t testing.TB) MultipartOptions { return into(t.TempDir()) }

// into is options with that folder.
func into(dir string) MultipartOptions {
	return MultipartOptions{Create: creates(dir), UID: -1, GID: -1}
}

func creates(dir string) func() (*os.File, error) {
	return func() (*os.File, error) { return os.CreateTemp(dir, "upload-*") }
}

// read parses a body that must be in order.
func read(t *testing.T, body string, o MultipartOptions) *Form {
	t.Helper()
	f, err := ReadMultipart(strings.NewReader(body), testType, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Remove(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// stored lists what is in the folder for uploads.
func stored(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// uploads are the uploads as PHP has them, those without a file included.
func uploads(t *testing.T, f *Form) *array {
	t.Helper()
	text := f.Uploads
	if f.AllUploads != nil {
		text = f.AllUploads
	}
	if text == nil {
		return &array{}
	}
	return decodeJSON(t, text)
}

// values are the values as PHP has them, without what fields that have no file have added.
func values(t *testing.T, f *Form) *array {
	t.Helper()
	all := decodeJSON(t, f.Values.AppendJSON(nil))
	if f.Filled != nil {
		all = all.without(decodeJSON(t, f.Filled))
	}
	return all
}

// without is the array without the elements that have a number in the other.
func (a *array) without(other *array) *array {
	out := &array{}
	for _, key := range a.keys {
		v := a.values[key]
		switch gone := other.values[key].(type) {
		case int64:
			continue
		case *array:
			v = v.(*array).without(gone)
		}
		out.set(key, v)
	}
	return out
}

// digested replaces temporary names by a digest of the content, as request.php
// does.
func digested(t *testing.T, a *array) *array {
	t.Helper()
	for _, key := range a.keys {
		sub, ok := a.values[key].(*array)
		if !ok {
			continue
		}
		path, ok := sub.values["tmpName"].(string)
		if !ok {
			digested(t, sub)
			continue
		}
		if path != "" {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sum := md5.Sum(content)
			sub.values["tmpName"] = hex.EncodeToString(sum[:])
		}
	}
	return a
}

// upload is a leaf of the uploads.
func upload(t *testing.T, f *Form, field string) (name, mime string, size, code int64, path string) {
	t.Helper()
	leaf, ok := uploads(t, f).values[field].(*array)
	if !ok {
		t.Fatalf("no file %q in %s", field, f.Uploads)
	}
	v := leaf.values
	return v["name"].(string), v["mime"].(string), v["size"].(int64), v["error"].(int64), v["tmpName"].(string)
}

func TestFormsHaveValuesAndFiles(t *testing.T) {
	dir := t.TempDir()
	o := into(dir)
	f := read(t, part(`name="a.b[]"`, "x")+part(`name="a.b[]"`, "y")+part(`name="doc"; filename="dir/Ünï.txt"`, "content")+end, o)
	if got := string(f.Values.AppendJSON(nil)); got != `{"a_b":["x","y"]}` {
		t.Errorf("values %s", got)
	}
	name, mime, size, code, path := upload(t, f, "doc")
	if name != "Ünï.txt" || mime != "text/plain" || size != 7 || code != 0 {
		t.Errorf("got %s", f.Uploads)
	}
	if len(f.Files) != 1 || f.Files[0] != path || filepath.Dir(path) != dir || !strings.HasPrefix(filepath.Base(path), "upload-") {
		t.Errorf("stored as %s, files %q", path, f.Files)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "content" {
		t.Errorf("%q, %v", content, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestUploadsAreNestedAsTheWorkerExpects(t *testing.T) {
	f := read(t, part(`name="f[a][b]"; filename=1`, "")+part(`name="l[]"; filename=2`, "")+part(`name="l[]"; filename=3`, "")+
		part(`name="d"; filename=4`, "")+part(`name="d"; filename=5`, "")+part(`filename=6`, "")+end, options(t))
	got := uploads(t, f)
	at := func(path ...string) any {
		var v any = got
		for _, key := range path {
			v = v.(*array).values[key]
		}
		return v
	}
	for want, path := range map[string][]string{
		"1": {"f", "a", "b", "name"}, "2": {"l", "0", "name"}, "3": {"l", "1", "name"}, "5": {"d", "name"}, "6": {"0", "name"},
	} {
		if at(path...) != want {
			t.Errorf("%v is %v, want %s", path, at(path...), want)
		}
	}
	if !strings.Contains(string(f.Uploads), `"l":[{"name":"2","mime":"text/plain","size":0,"error":0,"tmpName":"`) {
		t.Errorf("a list is no list: %s", f.Uploads)
	}
	if len(f.Files) != 6 {
		t.Errorf("%d files, want the replaced one too: %q", len(f.Files), f.Files)
	}
}

func TestFormWithoutFilesHasNoUploads(t *testing.T) {
	for name, body := range map[string]string{
		"values only": part("name=a", "b") + end, "no parts": end, "no body": "", "a refused name": part("name=a]; filename=b", "") + end,
	} {
		f := read(t, body, options(t))
		if f.Uploads != nil || f.Files != nil || f.Values == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestRemoveDeletesFilesAndSparesMovedOnes(t *testing.T) {
	dir := t.TempDir()
	o := into(dir)
	f := read(t, part(`name="a"; filename="a"`, "a")+part(`name="b"; filename="b"`, "b")+end, o)
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(f.Files[0], moved); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if left := stored(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if content, err := os.ReadFile(moved); err != nil || string(content) != "a" {
		t.Errorf("the moved file: %q, %v", content, err)
	}
}

func TestASecondRemoveDoesNothing(t *testing.T) {
	f := read(t, part("name=f; filename=f", "x")+end, options(t))
	path := f.Files[0]
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	// Another request may have the name by now.
	if err := os.WriteFile(path, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestRemoveReportsWhatItCannotDelete(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "inside"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Form{Files: []string{dir}}).Remove(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestBrokenBodiesAreErrorsAndLeaveNoFile(t *testing.T) {
	upload := part(`name="f"; filename="f"`, strings.Repeat("x", 100_000))
	file := func(n int) string { return strings.Repeat(part("name=g[]; filename=x", "x"), n) }
	deep := strings.Repeat("[x]", 64)
	small := func(o *MultipartOptions) { o.MaxVars, o.MaxFiles, o.MaxValueBytes, o.MaxDepth = 5, 2, 1000, 3 }
	for name, c := range map[string]struct {
		body  string
		limit func(*MultipartOptions)
		want  error
	}{
		"no closing delimiter":              {upload, nil, ErrMalformed},
		"cut in a file":                     {upload[:50_000], nil, ErrMalformed},
		"cut in a header":                   {upload + "--AaB03x\r\nContent-Dispo", nil, ErrMalformed},
		"cut in the closing delimiter":      {upload + "--AaB03x-", nil, ErrMalformed},
		"a part behind the end, cut":        {upload + end + part("name=a", "b"), nil, ErrMalformed},
		"another boundary":                  {"--other\r\n\r\n--other--", nil, ErrMalformed},
		"no delimiter at all":               {"a=b", nil, ErrMalformed},
		"neither name nor filename":         {upload + part("nome=a", "b") + end, nil, ErrMalformed},
		"a long header":                     {upload + part("name=a; x="+strings.Repeat("x", 16<<10), "b") + end, nil, ErrMalformed},
		"a header line without end":         {upload + "--AaB03x\r\n" + strings.Repeat("x", 1<<20), nil, ErrMalformed},
		"many header lines":                 {upload + part("name=a"+strings.Repeat("\r\nX: y", 4<<10), "b") + end, nil, ErrMalformed},
		"too many fields":                   {upload + strings.Repeat(part("name=a", "b"), 1001) + end, nil, ErrTooManyVars},
		"too many fields for the limit":     {upload + strings.Repeat(part("name=a", "b"), 6) + end, small, ErrTooManyVars},
		"too many parts":                    {strings.Repeat(part("name=a; filename", "")+part("name=f; filename=", ""), 4) + end, small, ErrTooManyVars},
		"too deep":                          {upload + part("name=a[x]"+deep, "b") + end, nil, ErrTooDeep},
		"too deep for the limit":            {upload + part("name=a[x][x][x][x]", "b") + end, small, ErrTooDeep},
		"file too deep":                     {upload + part("name=a"+deep+"; filename=b", "b") + end, nil, ErrTooDeep},
		"too many files":                    {file(21) + end, nil, ErrTooManyFiles},
		"too many files for the limit":      {file(3) + end, small, ErrTooManyFiles},
		"no files at all":                   {file(1) + end, func(o *MultipartOptions) { o.MaxFiles = -1 }, ErrTooManyFiles},
		"too many refused files":            {file(21) + end, func(o *MultipartOptions) { o.Allow = []string{"y"} }, ErrTooManyFiles},
		"one large value":                   {upload + part("name=a", strings.Repeat("x", 17<<20)) + end, nil, ErrTooLarge},
		"a value too large for the limit":   {upload + part("name=a", strings.Repeat("x", 1000)) + end, small, ErrTooLarge},
		"values too large together":         {upload + part("name=a", strings.Repeat("x", 600)) + part("name=b", strings.Repeat("x", 600)) + end, small, ErrTooLarge},
		"names too large together":          {upload + strings.Repeat(part("name="+strings.Repeat("x", 300), ""), 4) + end, small, ErrTooLarge},
		"names of files too large together": {strings.Repeat(part("name=a; filename="+strings.Repeat("x", 600), ""), 2) + end, small, ErrTooLarge},
	} {
		dir := t.TempDir()
		o := into(dir)
		if c.limit != nil {
			c.limit(&o)
		}
		f, err := ReadMultipart(strings.NewReader(c.body), testType, o)
		if f != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if left := stored(t, dir); len(left) > 0 {
			t.Errorf("%s: left %q", name, left)
		}
	}
}

func TestLimitsThatAreReachedPass(t *testing.T) {
	o := options(t)
	o.MaxVars, o.MaxFiles, o.MaxDepth = 2, 1, 2
	o.MaxValueBytes = int64(len("a[x][x]bxf[x]xtext/plainetext/plain"))
	f := read(t, part("name=a[x][x]", "b")+part("name=x", "")+part("name=f[x]; filename=x", "x")+end, o)
	if len(f.Files) != 1 || f.Values.Len() != 2 {
		t.Errorf("%s, %s", f.Values.AppendJSON(nil), f.Uploads)
	}
}

func TestFileFieldsLeftEmptyAreNoFiles(t *testing.T) {
	o := options(t)
	o.MaxFiles = 1
	f := read(t, part(`name="a"; filename="a"`, "")+strings.Repeat(part(`name="e"; filename=""`, "ignored"), 3)+end, o)
	name, mime, size, code, path := upload(t, f, "e")
	if name != "" || mime != "" || size != 0 || code != 4 || path != "" || len(f.Files) != 1 {
		t.Errorf("got %s", f.Uploads)
	}
}

func TestAReaderThatFailsLeavesNoFile(t *testing.T) {
	broken := errors.New("connection reset")
	body := part(`name="f"; filename="f"`, strings.Repeat("x", 100_000)) + part("name=a", "b") + end
	for _, n := range []int{0, 5, 60, 50_000, 100_050, len(body) - 30} {
		dir := t.TempDir()
		o := into(dir)
		r := io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken))
		if f, err := ReadMultipart(r, testType, o); f != nil || !errors.Is(err, broken) || errors.Is(err, ErrMalformed) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if left := stored(t, dir); len(left) > 0 {
			t.Errorf("after %d bytes: left %q", n, left)
		}
	}
}

// abort panics when it is read, as the body of an aborted request may.
type abort struct{}

func (abort) Read([]byte) (int, error) { panic("aborted") }

func TestAReaderThatPanicsLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	o := into(dir)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_, _ = ReadMultipart(io.MultiReader(strings.NewReader(part("name=f; filename=f", strings.Repeat("x", 100_000))), abort{}), testType, o)
	}()
	if left := stored(t, dir); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestBoundaries(t *testing.T) {
	const body = "--b c\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b c--"
	long := strings.Repeat("b", 5116)
	for contentType, ok := range map[string]bool{
		`multipart/form-data; boundary="b c"`: true, `multipart/form-data; boundary=b c`: true, `multipart/form-data; BOUNDARY=b c`: true,
		`multipart/form-data; boundary="b c"x; y=z`: true, `multipart/form-data; boundary=b c; charset=utf-8`: true,
		`multipart/form-data; boundary=b c, multipart/form-data; boundary=d`: true, "multipart/form-data; boundary=b c \t; x=y": true,
		`multipart/form-data`: false, `multipart/form-data; boundary`: false, `multipart/form-data; boundary=`: false,
		`multipart/form-data; boundary=""`: false, `multipart/form-data; boundary="b c`: false, `multipart/form-data; boundary=b`: false,
		"": false, "multipart/form-data; boundary=" + long + "b": false,
	} {
		f, err := ReadMultipart(strings.NewReader(body), contentType, options(t))
		if ok && (err != nil || string(f.Values.AppendJSON(nil)) != `{"a":"1"}`) {
			t.Errorf("%.80s: %v", contentType, err)
		}
		if !ok && !errors.Is(err, ErrMalformed) {
			t.Errorf("%.80s: %v, want ErrMalformed", contentType, err)
		}
	}
	f, err := ReadMultipart(strings.NewReader(strings.ReplaceAll(body, "b c", long)), "multipart/form-data; boundary="+long, options(t))
	if err != nil || f.Values.Len() != 1 {
		t.Errorf("the longest boundary: %v", err)
	}
}
