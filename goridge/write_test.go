package goridge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// recorder keeps every write apart. It can be told to take only so many bytes.
type recorder struct {
	nothing
	writes [][]byte
	room   int // bytes until it fails; 0 for no limit
}

var errFull = errors.New("recorder is full")

func (r *recorder) Write(p []byte) (int, error) {
	r.writes = append(r.writes, bytes.Clone(p))
	if r.room == 0 {
		return len(p), nil
	}
	n := min(len(p), r.room-1)
	r.room -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func writing(w io.WriteCloser) *Conn { return NewConn(nothing{}, w, Options{}) }

func TestAFrameGoesOutInOneWrite(t *testing.T) {
	for _, size := range []int{0, 100, 4096 + 5, 100_000} {
		r := new(recorder)
		frame := data("{}", text(size)).encode()
		n, err := writing(r).Write(frame)
		if n != len(frame) || err != nil || len(r.writes) != 1 {
			t.Errorf("%d bytes: %d, %v in %d writes", len(frame), n, err, len(r.writes))
		}
	}
}

func TestTheHeaderGoesOutTogetherAndTheBodyBehindIt(t *testing.T) {
	for _, size := range []int{0, 1, copySize, copySize + 1, 300_000} {
		body := text(size)
		want := data(requestHead, body)
		head := want.encode()[:len(want.encode())-size]
		for how, r := range map[string]io.Reader{
			"a reader":             strings.NewReader(body),
			"a slow reader":        iotest.HalfReader(strings.NewReader(body)),
			"data with the end":    iotest.DataErrReader(strings.NewReader(body)),
			"a reader of too much": strings.NewReader(body + "behind the end"),
		} {
			rec := new(recorder)
			if err := writing(rec).WriteBody(head, r, int64(size)); err != nil {
				t.Fatalf("%d bytes from %s: %v", size, how, err)
			}
			if !bytes.Equal(rec.writes[0], head) {
				t.Errorf("%d bytes from %s: the first write is %d bytes, not the head's %d", size, how, len(rec.writes[0]), len(head))
			}
			if got := mustRead(t, reading(bytes.NewReader(bytes.Join(rec.writes, nil)), Options{})); got != want {
				t.Errorf("%d bytes from %s: got %v", size, how, got)
			}
			if behind, _ := io.ReadAll(r); how == "a reader of too much" && string(behind) != "behind the end" {
				t.Errorf("%d bytes: read beyond the body, left is %q", size, behind)
			}
		}
	}
}

func TestABodyFromAFileGoesOutWhole(t *testing.T) {
	body := text(3 << 20)
	file, err := os.Create(t.TempDir() + "/body")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mustWrite(t, file, []byte(body))
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	r, w := ends(t)
	server, worker := writing(w), reading(r, Options{})
	defer server.Close()
	defer worker.Close()
	sent := make(chan error, 1)
	go func() {
		sent <- server.WriteBody(plain(CodecJSON, "{}", len(body)), file, int64(len(body)))
	}()
	if got := mustRead(t, worker); got.body != body || got.context != "{}" {
		t.Errorf("got %v", got)
	}
	if err := receive(t, sent); err != nil {
		t.Error(err)
	}
}

func TestABodyThatEndsEarlySaysSoAndBreaksTheConnection(t *testing.T) {
	gone := errors.New("the client went away")
	for name, test := range map[string]struct {
		body io.Reader
		want error
		text string
	}{
		"an end":    {strings.NewReader("1234567"), ErrShortBody, "writing the body of a frame: after 27 bytes: body ended early: 7 of 10 bytes"},
		"a failure": {io.MultiReader(strings.NewReader("1234567"), iotest.ErrReader(gone)), gone, "writing the body of a frame: after 27 bytes: body ended early: 7 of 10 bytes: the client went away"},
		"nothing":   {readerFunc(func([]byte) (int, error) { return 0, nil }), io.ErrNoProgress, "writing the body of a frame: after 20 bytes: body ended early: 0 of 10 bytes: multiple Read calls return no data or error"},
	} {
		c := writing(new(recorder))
		err := c.WriteBody(plain(CodecJSON, "{  }", 10), test.body, 10)
		if !errors.Is(err, ErrShortBody) || !errors.Is(err, test.want) || err.Error() != test.text {
			t.Errorf("%s: got %v", name, err)
		}
		if safeToRetry(t, err) {
			t.Errorf("%s: safe to retry although the head was sent", name)
		}
		_, err = c.Write(AppendControlStop(nil))
		if !errors.Is(err, ErrBroken) || !safeToRetry(t, err) {
			t.Errorf("%s: the next write: %v", name, err)
		}
	}
}

func TestABodyOfNegativeLengthIsRefusedBeforeAnythingIsSent(t *testing.T) {
	r := new(recorder)
	c := writing(r)
	err := c.WriteBody([]byte("head"), strings.NewReader("body"), -1)
	if !safeToRetry(t, err) || len(r.writes) != 0 {
		t.Errorf("%v after %d writes", err, len(r.writes))
	}
	if _, err := c.Write([]byte("frame")); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func safeToRetry(t testing.TB, err error) bool {
	t.Helper()
	writeErr, ok := errors.AsType[*WriteError](err)
	if !ok {
		t.Fatalf("not a WriteError: %#v", err)
	}
	return writeErr.SafeToRetry()
}

func TestAWriteIsSafeToRetryOnlyWhenNothingOfItWasSent(t *testing.T) {
	frame := data("{}", "body").encode()
	for sent, wantSafe := range map[int]bool{0: true, 1: false, 11: false, len(frame) - 1: false} {
		c := writing(&recorder{room: sent + 1})
		n, err := c.Write(frame)
		if n != sent || !errors.Is(err, errFull) || safeToRetry(t, err) != wantSafe {
			t.Errorf("after %d bytes: %d, %v", sent, n, err)
		}
		if _, err := c.Write(frame); errors.Is(err, ErrBroken) == wantSafe {
			t.Errorf("after %d bytes: the next write: %v", sent, err)
		}
	}
	// The body's bytes are no different.
	c := writing(&recorder{room: len(frame) + 5})
	err := c.WriteBody(frame, strings.NewReader("0123456789"), 10)
	if !errors.Is(err, errFull) || errors.Is(err, ErrShortBody) || safeToRetry(t, err) {
		t.Errorf("in the body: %v", err)
	}
	if _, err := c.Write(frame); !errors.Is(err, ErrBroken) {
		t.Errorf("after the body: %v", err)
	}
}

func TestAWriterThatTakesLessWithoutAReasonBreaksTheConnection(t *testing.T) {
	c := writing(lazy{})
	if _, err := c.Write([]byte("frame")); !errors.Is(err, io.ErrShortWrite) || safeToRetry(t, err) {
		t.Errorf("got %v", err)
	}
	if err := c.WriteBody(nil, strings.NewReader("body"), 4); !errors.Is(err, ErrBroken) {
		t.Errorf("afterwards: got %v", err)
	}
	if err := writing(lazy{}).WriteBody(nil, strings.NewReader("body"), 4); !errors.Is(err, io.ErrShortWrite) || errors.Is(err, ErrShortBody) {
		t.Errorf("in a body: got %v", err)
	}
}

// lazy takes one byte of each write and says nothing of the others.
type lazy struct{ nothing }

func (lazy) Write(p []byte) (int, error) { return min(len(p), 1), nil }

func TestWritingToAPeerThatIsGoneIsSafeToRetry(t *testing.T) {
	r, w := ends(t)
	r.Close()
	c := writing(w)
	defer c.Close()
	if _, err := c.Write(data("{}", "body").encode()); !safeToRetry(t, err) {
		t.Errorf("got %v", err)
	}
}

func TestAPanickingBodyBreaksTheConnection(t *testing.T) {
	c := writing(new(recorder))
	func() {
		defer func() { recover() }()
		c.WriteBody(plain(CodecJSON, "", 10), readerFunc(func([]byte) (int, error) { panic("abort") }), 10)
	}()
	if _, err := c.Write(AppendControlStop(nil)); !errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
}

func TestFramesOfSeveralWritersDoNotMix(t *testing.T) {
	r, w := ends(t)
	server, worker := writing(w), reading(r, Options{})
	defer worker.Close()
	const each = 50
	var wg sync.WaitGroup
	for writer := range 4 {
		wg.Go(func() {
			for i := range each {
				m := data(fmt.Sprintf("%d/%d", writer, i), text(20_000))
				var err error
				if writer%2 == 0 {
					_, err = server.Write(m.encode())
				} else {
					err = server.WriteBody(plain(0, m.context, len(m.body)), strings.NewReader(m.body), int64(len(m.body)))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { wg.Wait(); server.Close() }()
	got, err := readAll(t, worker)
	if err != io.EOF || len(got) != 4*each {
		t.Errorf("%d frames, %v", len(got), err)
	}
	for _, m := range got {
		if m.body != text(20_000) {
			t.Errorf("frame %s is damaged", m.context)
		}
	}
}

func TestAWriteDeadlineInTheMiddleOfAFrameBreaksTheConnection(t *testing.T) {
	near, _ := socket(t)
	c := NewConn(near, near, Options{})
	defer c.Close()
	frame := data("{}", text(8<<20)).encode()
	if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Write(frame)
	if !errors.Is(err, os.ErrDeadlineExceeded) || safeToRetry(t, err) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Write(AppendControlStop(nil)); !errors.Is(err, ErrBroken) {
		t.Errorf("the next write: %v", err)
	}
	if err := writing(new(recorder)).SetWriteDeadline(time.Time{}); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("a writer without deadlines: %v", err)
	}
}
