package form

import (
	"encoding/json"
	"errors"
	"flag"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

var multipartCases = flag.Int("form.multipart-cases", 150, "number of random multipart bodies to compare with php-cgi")

// multipartCase is a body with what it becomes. Paths of files are left out.
type multipartCase struct {
	Name    string          `json:"name"`
	Type    string          `json:"type"`
	Body    string          `json:"body"` // percent-encoded where it has to be
	Values  json.RawMessage `json:"values"`
	Uploads json.RawMessage `json:"uploads"`
}

func multipartTable(t testing.TB) []multipartCase {
	t.Helper()
	text, err := os.ReadFile("testdata/multipart.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []multipartCase
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table) < 20 {
		t.Fatalf("only %d cases in the table", len(table))
	}
	for i := range table {
		if table[i].Body, err = url.PathUnescape(table[i].Body); err != nil {
			t.Fatal(err)
		}
	}
	return table
}

func TestMultipartTableIsWhatWeReadAndWhatPHPReads(t *testing.T) {
	for _, c := range multipartTable(t) {
		f, err := ReadMultipart(strings.NewReader(c.Body), c.Type, options(t))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got := string(f.Values.AppendJSON(nil)); f.Filled == nil && got != string(c.Values) {
			t.Errorf("%s: values %s, want %s", c.Name, got, c.Values)
		}
		files := digested(t, uploads(t, f)).dump(same)
		if want := decodeJSON(t, c.Uploads).dump(same); files != want {
			t.Errorf("%s: uploads %s, want %s", c.Name, f.Uploads, c.Uploads)
		}
		php := cgi(t, c.Type, c.Body, "")
		if got, want := values(t, f).dump(same), asJSONKeepsIt(t, php.post); got != want {
			t.Errorf("%s: values %s, PHP has %s", c.Name, got, want)
		}
		if want := asJSONKeepsIt(t, php.files); files != want {
			t.Errorf("%s: uploads %s, PHP has %s", c.Name, files, want)
		}
		if err := f.Remove(); err != nil {
			t.Error(err)
		}
	}
}

func TestMultipartAndCookiesAgreeWithPHPOnRandomRequests(t *testing.T) {
	const boundary = "-=b.x"
	var questions []question
	fields, files, garbled, cookies := 0, 0, 0, 0
	for seed := range uint64(*multipartCases) {
		g := newGen(seed)
		body, header := g.multipart(boundary), g.cookies()
		f, err := ReadMultipart(strings.NewReader(body), "multipart/form-data; boundary="+boundary, options(t))
		php := cgi(t, "multipart/form-data; boundary="+boundary, body, header)

		flat := &array{}
		for _, c := range ParseCookies([]string{header}) {
			flat.set(mangle(c.Name), c.Value) // $_COOKIE is not flat
		}
		if got := flat.dump(same); got != php.cookies {
			t.Errorf("seed %d: cookies %q\ngot  %s\nwant %s", seed, header, got, php.cookies)
		}
		cookies += len(flat.keys)

		// PHP stops there, keeps what it has and warns.
		if stops := strings.Contains(php.warnings, "Mime headers garbled"); stops != errors.Is(err, ErrMalformed) {
			t.Errorf("seed %d: %q\nerror %v\nPHP says %q", seed, body, err, php.warnings)
			continue
		}
		if err != nil {
			garbled++
			continue
		}
		post := f.Values.AppendJSON(nil)
		if got, want := values(t, f).dump(same), asJSONKeepsIt(t, php.post); got != want {
			t.Errorf("seed %d: %q\nvalues\ngot  %s\nwant %s", seed, body, got, want)
		}
		questions = append(questions, question{"", post})
		if f.Uploads != nil {
			questions = append(questions, question{"", f.Uploads})
		}
		if got, want := digested(t, uploads(t, f)).dump(same), asJSONKeepsIt(t, php.files); got != want {
			t.Errorf("seed %d: %q\nuploads\ngot  %s\nwant %s", seed, body, got, want)
		}
		fields += f.Values.Len()
		files += len(f.Files)
		if err := f.Remove(); err != nil {
			t.Error(err)
		}
	}
	// json_decode agrees with how this test has read our JSON.
	for i, a := range ask(t, questions) {
		if want := decodeJSON(t, questions[i].json).dump(same); a.decoded != want {
			t.Errorf("PHP reads %s as %s, want %s", questions[i].json, a.decoded, want)
		}
	}
	n := *multipartCases
	t.Logf("%d requests: %d values, %d files, %d garbled, %d cookies", n, fields, files, garbled, cookies)
	if fields < n/2 || files < n/4 || garbled < n/100 || cookies < n/2 {
		t.Error("the generator makes forms that prove too little")
	}
}

func TestOfSeveralCookiesWithOneNameTheFirstWinsAcrossLines(t *testing.T) {
	got := ParseCookies([]string{"a=1; b=2", " ;a=3;c", "b=4; d.e[f]=%2B+%zz;=x; ;"})
	want := []httpctx.Pair{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c"}, {Name: "d.e[f]", Value: "++%zz"}}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("cookie %d is %q, want %q", i, got[i], want[i])
		}
	}
	if got := ParseCookies(nil); got != nil {
		t.Errorf("no header: %q", got)
	}
}

func TestNoMoreCookiesThanPHPTakes(t *testing.T) {
	var header strings.Builder
	for i := range 1001 {
		header.WriteString("; c" + strings.Repeat("x", i%2) + string(rune('a'+i%26)) + strings.Repeat("y", i) + "=v")
	}
	if got := len(ParseCookies([]string{header.String()})); got != 1000 {
		t.Errorf("%d cookies", got)
	}
}

func FuzzMultipart(f *testing.F) {
	for _, c := range multipartTable(f) {
		f.Add(c.Type, c.Body)
	}
	for seed := range uint64(30) {
		f.Add("multipart/form-data; boundary=b", newGen(seed).multipart("b"))
	}
	f.Add(testType, part("name=f[][name]; filename=x", "x")+part("name=f[name][name]; filename=y", "")+end)
	// One folder, as making and deleting one would be most of the work.
	dir := f.TempDir()
	o := MultipartOptions{
		Limits: Limits{MaxVars: 20, MaxDepth: 5}, Create: creates(dir), MaxFiles: 4, MaxFileSize: 3000, MaxValueBytes: 2000,
		Forbid: []string{"php"}, UID: -1, GID: -1,
	}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		form, err := ReadMultipart(strings.NewReader(body), contentType, o)
		slow, slowErr := ReadMultipart(iotest.OneByteReader(strings.NewReader(body)), contentType, o)
		if (err == nil) != (slowErr == nil) || (form == nil) == (err == nil) {
			t.Fatalf("%v at once, %v byte by byte", err, slowErr)
		}
		if err != nil {
			if left := stored(t, dir); len(left) > 0 {
				t.Fatalf("%v, but left %q", err, left)
			}
			return
		}
		text := form.Values.AppendJSON(nil)
		if string(text) != string(slow.Values.AppendJSON(nil)) {
			t.Fatalf("%s at once, %s byte by byte", text, slow.Values.AppendJSON(nil))
		}
		values(t, form) // what is filled in, is there
		if !json.Valid(text) || form.Uploads != nil && !json.Valid(form.Uploads) {
			t.Fatalf("not JSON: %s, %s", text, form.Uploads)
		}
		wrapped(t, form)
		if got, want := digested(t, uploads(t, form)).dump(same), digested(t, uploads(t, slow)).dump(same); got != want {
			t.Fatalf("%s at once, %s byte by byte", got, want)
		}
		if form.AllUploads != nil && !json.Valid(form.AllUploads) || form.Filled != nil && !json.Valid(form.Filled) {
			t.Fatalf("not JSON: %s, %s", form.AllUploads, form.Filled)
		}
		if strings.Contains(string(form.Uploads), `"error":4`) {
			t.Fatalf("an upload without a file: %s", form.Uploads)
		}
		if form.Values.Len() > o.MaxVars+o.MaxFiles || depth(form.Values) > o.MaxDepth+1 || len(form.Files) > o.MaxFiles || len(text) > 6*2000+1000 {
			t.Fatalf("beyond the limits: %s, %q", text, form.Files)
		}
		if n := len(stored(t, dir)); n != len(form.Files)+len(slow.Files) {
			t.Fatalf("%d files for %q and %q", n, form.Files, slow.Files)
		}
		if err := errors.Join(form.Remove(), slow.Remove()); err != nil {
			t.Fatal(err)
		}
		if left := stored(t, dir); len(left) > 0 {
			t.Fatalf("left %q", left)
		}
	})
}

func BenchmarkMultipartTenFields(b *testing.B) {
	var body strings.Builder
	for _, name := range []string{"_token", "name", "email", "address[street]", "address[city]", "address[zip]", "tags[]", "tags[]", "newsletter", "message"} {
		body.WriteString("--AaB03x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\nthe value of a field\r\n")
	}
	text := body.String() + end
	o := options(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	var dst []byte
	for b.Loop() {
		f, err := ReadMultipart(strings.NewReader(text), testType, o)
		if err != nil {
			b.Fatal(err)
		}
		dst = f.Values.AppendJSON(dst[:0])
	}
}

func BenchmarkUpload(b *testing.B) {
	const size = 10_000_000
	o := options(b)
	b.ReportAllocs()
	b.SetBytes(size)
	for b.Loop() {
		body, _ := stream(size)
		f, err := ReadMultipart(body, testType, o)
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Remove(); err != nil {
			b.Fatal(err)
		}
	}
}
