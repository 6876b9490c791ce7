package form

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// pieces is a writer that remembers the largest piece.
type pieces struct {
	bytes.Buffer
	largest int
	fails   error
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.fails != nil {
		return 0, p.fails
	}
	p.largest = max(p.largest, len(b))
	return p.Buffer.Write(b)
}

func TestJSONInPiecesIsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, random.IntN(5*pieceSize))
		alphabet := [][]byte{[]byte("é"), []byte("漢"), []byte("😀"), {0x80}, {0xe6}, {0xf0, 0x9f}, {1}, []byte("a")}
		for i := 0; i < len(b); {
			i += copy(b[i:], alphabet[random.IntN(len(alphabet))])
		}
		return string(b)
	}
	for range 60 {
		tree := &Tree{}
		for range 1 + random.IntN(5) {
			tree.put([]segment{{key: text()}, {appends: true}}, value{text: text()})
		}
		tree.put([]segment{{key: "continuations"}}, value{text: strings.Repeat("\x80", 3*pieceSize)})
		var got pieces
		if err := tree.WriteJSON(&got); err != nil {
			t.Fatal(err)
		}
		if want := tree.AppendJSON(nil); !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%d bytes in pieces, %d at once, or others", got.Len(), len(want))
		}
		if got.largest > 16*pieceSize {
			t.Fatalf("a piece has %d bytes", got.largest)
		}
	}
}

func TestAWriterThatFailsEndsTheJSON(t *testing.T) {
	full := errors.New("full")
	tree := &Tree{}
	tree.put([]segment{{key: "a"}}, value{text: strings.Repeat("a", 10*pieceSize)})
	if err := tree.WriteJSON(&pieces{fails: full}); err != full {
		t.Errorf("the error is %v", err)
	}
}

// heap is what is in memory, and what has been made at all.
func heap() (held, made int64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.TotalAlloc)
}

// wantSaid fails where less was said than there is, or far more than twice as much.
func wantSaid(t *testing.T, what string, said, there int64) {
	t.Helper()
	const page, small = 16 << 10, 1 << 20 // what the heap rounds up by, and what does not matter
	if said+page < there || said > 2*there+small {
		t.Errorf("%s: %d bytes, and %d were said", what, there, said)
	}
}

// nines are groups of nine elements, which are the most crowded ones.
func nines(group string) string {
	var b strings.Builder
	for i := range 900 {
		fmt.Fprintf(&b, "g%d[%s%d]=&", i/9, group, i%9)
	}
	return b.String()
}

// TestMemoryOfAFormIsWhatIsSaid builds the worst forms: of many small nodes, of long names. What comes of it is told before.
func TestMemoryOfAFormIsWhatIsSaid(t *testing.T) {
	for what, body := range map[string]string{
		"groups of nine": nines(""), "named ones": nines("k"),
		"nothing":                  strings.Repeat("=%5B[&", 900) + strings.Repeat("[", 1<<20),
		"a name with spaces":       "a" + strings.Repeat("+", 2<<20) + "=",
		"a name with dots":         "a" + strings.Repeat(".", 2<<20) + "=",
		"a name with escaped dots": "a" + strings.Repeat("%2e", 1<<20) + "[b]=",
		"a group with dots":        "a" + strings.Repeat(".", 2<<20) + "[b]=",
		"an escape":                "a=%20" + strings.Repeat("x", 8<<20),
		"text":                     "a=" + strings.Repeat("[%5B", 1<<20),
		"one value":                "a=" + strings.Repeat("%01", 1<<20),
		"short fields":             strings.Repeat("a[]=&", 900),
		"deep ones":                strings.Repeat("b"+strings.Repeat("[]", 60)+"=1&", 900),
		"escaped":                  strings.Repeat("b"+strings.Repeat("%5B%5d", 60)+"=1&", 900),
		"many names":               strings.Repeat("c%20[%31][%32]=x&", 900),
		"the same name":            strings.Repeat("a="+strings.Repeat("+", 1000)+"&", 900),
	} {
		before, madeBefore := heap()
		tree, err := ParseURLEncoded(body, Limits{})
		after, made := heap()
		if err != nil {
			t.Fatal(what, err)
		}
		said, text := MemoryOf(body, Limits{}), int64(len(body))
		wantSaid(t, what, said, max(after-before, text))        // it may be that of its text
		if len(body) > 1<<20 && made-madeBefore > said+32<<10 { // the heap rounds each of two up
			t.Errorf("%s: where %d bytes were said %d were made", what, said, made-madeBefore)
		}
		runtime.KeepAlive(tree)
		runtime.KeepAlive(body)
	}
}

// TestMemoryOfAMultipartFormIsWhatIsSaid has the same of fields of a multipart form, and of files of which none was chosen: while
// it comes, which may take as long as somebody wants, and while it is completed.
func TestMemoryOfAMultipartFormIsWhatIsSaid(t *testing.T) {
	deep := strings.Repeat("[]", 60)
	for what, part := range map[string]string{
		"dotted values": fieldOf("b#"+strings.Repeat(".", 3000), ""), "dotted groups": fieldOf("b#"+strings.Repeat(".", 3000)+"[a]", ""),
		"dotted files": fileOf("b#"+strings.Repeat(".", 450), ""),
		"values":       fieldOf("b"+deep, ""), "deep files": fileOf("b"+deep, ""), "named ones": fileOf("b[k#]"+strings.Repeat("[a]", 60), ""),
		"crowded groups": fileOf("b[][a#][a#]", ""), "files": fileOf("k#", ""), "a list": fileOf("k[]", ""), "long names": fileOf("k#"+strings.Repeat("n", 450), ""),
		"chosen": strings.ReplaceAll(fileOf("k#", ""), `""`, strings.Repeat("n", 15_000)), "chosen ones that grow": strings.ReplaceAll(fileOf("k#", ""), `""`, strings.Repeat("\x01", 15_000)),
		"types": fileOf("k#", strings.Repeat("t", 450)), "escaped types": fileOf("k#", strings.Repeat("\x01", 450)),
	} {
		var parts []string
		for i := range 1000 {
			if i == 20 && strings.HasPrefix(what, "chosen") {
				break // so many files there may be
			}
			parts = append(parts, strings.ReplaceAll(part, "#", strconv.Itoa(i)))
		}
		said := int64(0)
		o := options(t)
		o.Limits, o.MaxFiles = Limits{}.withDefaults(), 20
		o.MaxValueBytes = 16 << 20
		o.Hold = func(n int) error { said += int64(n); return nil }
		text := multipartOf(parts...)
		s := newScanner(strings.NewReader(text), "b")
		before, _ := heap()
		m := &multipartReader{scanner: s, o: o, store: newStore(o), form: &Form{Values: &Tree{}}}
		if err := m.readAll(); err != nil {
			t.Fatal(what, err)
		}
		read, madeBefore := heap()
		wantSaid(t, what+" that have come", said, read-before)
		finishing := m.finishing()
		m.finish()
		_, made := heap()
		wantSaid(t, what+" that are completed", int64(finishing), made-madeBefore)
		s.release()
		runtime.KeepAlive(m)
		runtime.KeepAlive(text)
	}
}

// fileOf is a field of which no file was chosen.
func fileOf(name, kind string) string {
	return "Content-Disposition: form-data; name=" + name + "; filename=\"\"\r\nContent-Type: " + kind + "\r\n\r\n"
}

func multipartOf(parts ...string) string {
	return "--b\r\n" + strings.Join(parts, "\r\n--b\r\n") + "\r\n--b--\r\n"
}

// readSpilling reads a form whose values may have so much memory, and be held as hold says.
func readSpilling(t *testing.T, memory int64, hold func(int) bool, parts ...string) (*Form, error) {
	t.Helper()
	f, err := ReadMultipart(strings.NewReader(multipartOf(parts...)), "multipart/form-data; boundary=b", MultipartOptions{
		Create: creates(t.TempDir()), UID: -1, GID: -1, ValueMemory: memory, HoldValue: hold,
		Spill: func() (*os.File, error) { return os.Create(filepath.Join(t.TempDir(), "spill")) },
	})
	if err == nil {
		t.Cleanup(func() { _ = f.Remove() })
	}
	return f, err
}

func fieldOf(name, value string) string {
	return "Content-Disposition: form-data; name=" + name + "\r\n\r\n" + value
}

func TestValuesThatDoNotFitIntoMemoryAreInAFile(t *testing.T) {
	odd := strings.Repeat("é漢😀\x80\xe6\xf0\x9f\x01", 10_000)
	parts := []string{fieldOf("a", "small"), fieldOf("b[]", odd), fieldOf("b[]", strings.Repeat("\x80", 50_000)), fieldOf("MAX_FILE_SIZE", "12"+strings.Repeat(" ", 9000)), fieldOf("a", "last")}
	want, err := ReadMultipart(strings.NewReader(multipartOf(parts...)), "multipart/form-data; boundary=b", options(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int64{0, 1, 100, 40_000, 1 << 20} {
		held := 0
		f, err := readSpilling(t, memory, func(n int) bool { held += n; return true }, parts...)
		if err != nil {
			t.Fatal(err)
		}
		if int64(held) > 2*memory {
			t.Errorf("with %d bytes of memory %d are held", memory, held)
		}
		var got bytes.Buffer
		if err := f.Values.WriteJSON(&got); err != nil || !bytes.Equal(got.Bytes(), want.Values.AppendJSON(nil)) {
			t.Errorf("with %d bytes of memory: %d bytes of JSON, %v", memory, got.Len(), err)
		}
		if f.Spilled() != (memory < 1<<20) {
			t.Errorf("with %d bytes of memory a file is used: %v", memory, f.Spilled())
		}
	}
	full, err := readSpilling(t, 1<<20, func(int) bool { return false }, parts...)
	if err != nil || !full.Spilled() {
		t.Errorf("where nothing may be held a file is used: %v, %v", full.Spilled(), err)
	}
}

func TestAFormValueWithoutMemoryAndWithoutAFileIsRefused(t *testing.T) {
	full := errors.New("full")
	_, err := ReadMultipart(strings.NewReader(multipartOf(fieldOf("a", "value"))), "multipart/form-data; boundary=b", MultipartOptions{
		Create: creates(t.TempDir()), UID: -1, GID: -1, Spill: func() (*os.File, error) { return nil, full },
	})
	if !errors.Is(err, ErrNoRoom) || !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
}

func TestASpillThatFailsIsAnError(t *testing.T) {
	f, err := readSpilling(t, 0, nil, fieldOf("a", "value"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.spill.file.Truncate(3); err != nil {
		t.Fatal(err)
	}
	if err := f.Values.WriteJSON(io.Discard); err == nil {
		t.Error("a value of which a part is gone is whole")
	}
}

func TestWhatAMultipartFormKeepsIsToldBefore(t *testing.T) {
	read := func(most int) (told, values int, err error) {
		parts := []string{fieldOf("a", strings.Repeat("v", 10_000)), fieldOf(strings.Repeat("n", 10_000), "v")}
		f, err := ReadMultipart(strings.NewReader(multipartOf(parts...)), "multipart/form-data; boundary=b", MultipartOptions{
			Create: creates(t.TempDir()), UID: -1, GID: -1, ValueMemory: 1 << 20,
			Spill:     func() (*os.File, error) { return nil, os.ErrPermission },
			HoldValue: func(n int) bool { values += n; return true },
			Hold: func(n int) error {
				if told += n; told > most {
					return os.ErrClosed
				}
				return nil
			},
		})
		if err == nil {
			err = f.Remove()
		}
		return told, values, err
	}
	told, values, err := read(1 << 20)
	if err != nil || told < 20_000+bufferSize || told > 21_000+bufferSize || values != 20_002 {
		t.Errorf("%d bytes of names and %d of values, %v: each twice, the buffer, and little more", told, values, err)
	}
	if _, _, err := read(20_000 + bufferSize); !errors.Is(err, os.ErrClosed) {
		t.Errorf("with less the error is %v", err)
	}
}

func TestFileNamesAreBounded(t *testing.T) {
	var parts []string
	for range 60 {
		parts = append(parts, "Content-Disposition: form-data; name=f[]; filename=\"\"\r\nContent-Type: "+strings.Repeat("\x01", 12_000)+"\r\n\r\n")
	}
	_, err := ReadMultipart(strings.NewReader(multipartOf(parts...)), "multipart/form-data; boundary=b", options(t))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("720 KB of types of files that were not chosen: %v", err)
	}
}
