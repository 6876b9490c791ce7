package form

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
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
	for range 200 {
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

// TestMemoryOfAFormIsNotMoreThanSaid builds the worst forms: of many small nodes, of long names.
func TestMemoryOfAFormIsNotMoreThanSaid(t *testing.T) {
	for what, body := range map[string]string{
		"one value":     "a=" + strings.Repeat("%01", 1<<20),
		"short fields":  strings.Repeat("a[]=&", 900),
		"deep ones":     strings.Repeat("b"+strings.Repeat("[]", 60)+"=1&", 900),
		"escaped":       strings.Repeat("b"+strings.Repeat("%5B%5d", 60)+"=1&", 900),
		"many names":    strings.Repeat("c%20[%31][%32]=x&", 900),
		"the same name": strings.Repeat("a="+strings.Repeat("+", 1000)+"&", 900),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tree, err := ParseURLEncoded(body, Limits{})
		runtime.GC()
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(what, err)
		}
		if held, said := int64(after.HeapAlloc)-int64(before.HeapAlloc), MemoryOf(body, Limits{}); held > said {
			t.Errorf("%s: a tree of %d bytes, MemoryOf says %d", what, held, said)
		}
		runtime.KeepAlive(tree)
		runtime.KeepAlive(body)
	}
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
