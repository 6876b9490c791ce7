//go:build unix

package goridge

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestTryReadFrameReturnsOnlyWhatIsThere(t *testing.T) {
	connections := map[string]func(testing.TB) (*Conn, io.WriteCloser){
		"pipe": func(t testing.TB) (*Conn, io.WriteCloser) {
			c, w := pipe(t, Options{})
			return c, w
		},
		"socket": func(t testing.TB) (*Conn, io.WriteCloser) {
			near, far := socket(t)
			return NewConn(near, near, Options{}), far
		},
	}
	for name, connect := range connections {
		t.Run(name, func(t *testing.T) {
			c, w := connect(t)
			var f Frame
			try := func(want bool, when string) {
				t.Helper()
				if ok, err := c.TryReadFrame(&f); ok != want || err != nil {
					t.Fatalf("%s: %v, %v", when, ok, err)
				}
			}
			first, second := data("{}", "first"), data("{}", text(50_000))
			b := first.encode()

			try(false, "nothing is there")
			mustWrite(t, w, b[:7])
			try(false, "half a header is there")
			mustWrite(t, w, append(b[7:], second.encode()[:100]...))
			try(true, "one frame and a half are there")
			if got := content(t, &f); got != first {
				t.Errorf("got %v", got)
			}
			try(false, "half a frame is there")
			mustWrite(t, w, second.encode()[100:])
			// The beginning that was tried for is not lost to the other one.
			if got := mustRead(t, c); got != second {
				t.Errorf("got %v", got)
			}

			mustWrite(t, w, append(first.encode(), first.encode()...))
			try(true, "two frames are there")
			try(true, "one of them is buffered")
			try(false, "both are taken")
			w.Close()
			if ok, err := c.TryReadFrame(&f); ok || err != io.EOF {
				t.Errorf("after the end: %v, %v", ok, err)
			}
		})
	}
}

func TestTryReadFrameTellsADeathWithinAFrame(t *testing.T) {
	c, w := pipe(t, Options{})
	mustWrite(t, w, data("{}", "first").encode()[:15])
	w.Close()
	if ok, err := c.TryReadFrame(new(Frame)); ok || err != nil {
		t.Fatalf("the first part: %v, %v", ok, err)
	}
	if ok, err := c.TryReadFrame(new(Frame)); ok || err != io.ErrUnexpectedEOF {
		t.Errorf("the end: %v, %v", ok, err)
	}
}

func TestTryReadFrameDoesNotBlockOnAFileInBlockingMode(t *testing.T) {
	r, w := ends(t)
	r.Fd() // puts the descriptor into blocking mode
	c := reading(r, Options{})
	defer w.Close()

	tried := make(chan error)
	go func() {
		ok, err := c.TryReadFrame(new(Frame))
		if ok {
			err = errors.New("a frame")
		}
		tried <- err
	}()
	if err := receive(t, tried); err != nil {
		t.Error(err)
	}
	mustWrite(t, w, data("{}", "body").encode())
	if got := mustRead(t, c); got != data("{}", "body") {
		t.Errorf("got %v", got)
	}
}

func TestTryReadFrameOfAnOrdinaryReaderUsesWhatIsBuffered(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	c := reading(r, Options{})
	var f Frame
	if ok, err := c.TryReadFrame(&f); ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
	go w.Write(encode(data("", "first"), data("", "second")))
	if got := mustRead(t, c); got != data("", "first") {
		t.Errorf("got %v", got)
	}
	ok, err := c.TryReadFrame(&f)
	if !ok || err != nil || string(f.Body()) != "second" {
		t.Errorf("got %v, %v, %q", ok, err, f.Body())
	}
}

func TestThePreviewIncludesWhatCanBeHadWithoutWaiting(t *testing.T) {
	r, w := ends(t)
	defer w.Close() // stays open: waiting would never end
	const printed = "Could not open input file: worker.php\n"
	mustWrite(t, w, []byte(printed))
	c := NewConn(nibbler{r}, nothing{}, Options{})
	defer c.Close()
	frameErr, ok := errors.AsType[*FrameError](c.ReadFrame(new(Frame)))
	if !ok || string(frameErr.Preview) != printed {
		t.Errorf("got %v", frameErr)
	}
}

// nibbler reads like a pipe whose writer is interrupted after three bytes.
type nibbler struct{ *os.File }

func (n nibbler) Read(p []byte) (int, error) { return n.File.Read(p[:min(len(p), 3)]) }

func TestAReadDeadlineLosesNothing(t *testing.T) {
	c, w := pipe(t, Options{})
	want := data("{}", text(40_000))
	b := want.encode()
	for _, part := range [][]byte{b[:5], b[5:13], b[13:20_000], b[20_000:30_000]} {
		mustWrite(t, w, part)
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if err := c.ReadFrame(new(Frame)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, w, b[30_000:])
	if got := mustRead(t, c); got != want {
		t.Errorf("got %v", got)
	}
	if err := reading(bytes.NewReader(nil), Options{}).SetReadDeadline(time.Time{}); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("a reader without deadlines: %v", err)
	}
}

func TestADeadlineInTheRestLosesNothing(t *testing.T) {
	c, w := pipe(t, Options{MaxInMemory: 1})
	want := data("{}", text(40_000))
	b := want.encode()
	mustWrite(t, w, b[:20_000])
	var f Frame
	if err := c.ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(&f)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, w, b[20_000:])
	rest, err := io.ReadAll(&f)
	if all := string(f.Body()) + string(got) + string(rest); err != nil || all != want.body {
		t.Errorf("%d bytes of %d, %v", len(all), len(want.body), err)
	}
}
