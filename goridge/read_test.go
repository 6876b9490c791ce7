package goridge

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAFrameStaysValidWhenTheNextOnesAreRead(t *testing.T) {
	// Sizes on both sides of every decision about whose buffer it is.
	var want []message
	for _, n := range []int{0, 1, 100, 2 << 10, 9000, startSize - 20, startSize, startSize + 1, 70000, 3, 5 << 20, 7} {
		want = append(want, data("{}", text(n)))
	}
	c := reading(bytes.NewReader(encode(want...)), Options{})
	frames := make([]Frame, len(want))
	for i := range frames {
		if err := c.ReadFrame(&frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range frames {
		if got := content(t, &frames[i]); got != want[i] {
			t.Errorf("frame %d: got %v, want %v", i, got, want[i])
		}
		frames[i].Release()
	}
}

func TestAFrameStaysValidWhenItsNeighboursBufferIsReadIntoAgain(t *testing.T) {
	small, bare := data("{}", "small"), message{stream: StreamPong}
	c := reading(chunks(encode(small, bare), encode(data("{}", text(200)))), Options{})
	var f Frame
	if err := c.ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	mustRead(t, c)
	mustRead(t, c)
	if got := content(t, &f); got != small {
		t.Errorf("got %v", got)
	}
}

func TestAppendingToAPayloadDoesNotReachWhatIsBehindIt(t *testing.T) {
	c := reading(bytes.NewReader(encode(data("c", strings.Repeat("a", 500)), data("d", "b"))), Options{})
	var first, second Frame
	if err := errors.Join(c.ReadFrame(&first), c.ReadFrame(&second)); err != nil {
		t.Fatal(err)
	}
	_ = append(first.Context(), "overwritten"...)
	_ = append(first.Body(), "overwritten"...)
	if got := content(t, &first); got != data("c", strings.Repeat("a", 500)) {
		t.Errorf("the body is %v", got)
	}
	if got := content(t, &second); got != data("d", "b") {
		t.Errorf("the next frame is %v", got)
	}
}

func TestReleasingTwiceOrNothingDoesNothing(t *testing.T) {
	var zero Frame
	zero.Release()

	c := reading(bytes.NewReader(encode(data("{}", "body"), data("{}", "next"), data("{}", "then"), data("{}", "last"))), Options{})
	var f, next, then Frame
	if err := c.ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	f.Release()
	f.Release()
	if f.Payload != nil || f.PayloadLen != 6 {
		t.Errorf("after Release the payload is %q, its length in the header %d", f.Payload, f.PayloadLen)
	}
	// Had the buffer been given back twice, these two would share it.
	if err := errors.Join(c.ReadFrame(&next), c.ReadFrame(&then)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, &next); got != data("{}", "next") {
		t.Errorf("got %v", got)
	}
}

func TestAPayloadAboveMaxInMemoryIsReadFromTheFrame(t *testing.T) {
	context, body := `{"status":200}`, text(300_000)
	drains := map[string]func(*Frame) ([]byte, error){
		"Read":    func(f *Frame) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{f}) },
		"WriteTo": func(f *Frame) ([]byte, error) { b := new(bytes.Buffer); _, err := io.Copy(b, f); return b.Bytes(), err },
		"Read after Release": func(f *Frame) ([]byte, error) {
			body := bytes.Clone(f.Body())
			f.Release()
			rest, err := io.ReadAll(f)
			return append(body, rest...), err
		},
	}
	for how, drain := range drains {
		c := reading(bytes.NewReader(encode(data(context, body), data(context, "next"))), Options{MaxInMemory: 1000})
		var f Frame
		if err := c.ReadFrame(&f); err != nil {
			t.Fatal(err)
		}
		if string(f.Context()) != context {
			t.Errorf("%s: the context is %q", how, f.Context())
		}
		if f.Rest() == 0 || f.Rest()+int64(len(f.Payload)) != int64(f.PayloadLen) {
			t.Fatalf("%s: %d in memory and %d not, of %d", how, len(f.Payload), f.Rest(), f.PayloadLen)
		}
		if err := c.ReadFrame(new(Frame)); !errors.Is(err, ErrNotDrained) {
			t.Errorf("%s: the next frame before the rest: %v", how, err)
		}
		if ok, err := c.TryReadFrame(new(Frame)); ok || !errors.Is(err, ErrNotDrained) {
			t.Errorf("%s: trying the next frame before the rest: %v, %v", how, ok, err)
		}
		got := bytes.Clone(f.Body())
		rest, err := drain(&f)
		if how == "Read after Release" {
			got = nil
		}
		if got = append(got, rest...); err != nil || string(got) != body {
			t.Errorf("%s: got %d bytes of %d, %v", how, len(got), len(body), err)
		}
		if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF || f.Rest() != 0 {
			t.Errorf("%s: after the end: %d bytes, %v, rest %d", how, n, err, f.Rest())
		}
		if got := mustRead(t, c); got != data(context, "next") {
			t.Errorf("%s: the next frame is %v", how, got)
		}
	}
}

func TestAContextIsInMemoryEvenWhenItIsLongerThanMaxInMemory(t *testing.T) {
	m := data(text(100_000), text(200_000))
	var f Frame
	if err := reading(bytes.NewReader(m.encode()), Options{MaxInMemory: 10}).ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	if f.Rest() == 0 || len(f.Payload) < 100_000 {
		t.Errorf("%d bytes in memory, %d not", len(f.Payload), f.Rest())
	}
	if got := content(t, &f); got != m {
		t.Error("the content differs")
	}
}

func TestTheDeathOfThePeerIsToldFromItsEnd(t *testing.T) {
	frame := data("{}", text(100_000)).encode()
	for name, test := range map[string]struct {
		input []byte
		want  error
	}{
		"before any frame":     {nil, io.EOF},
		"between frames":       {frame, io.EOF},
		"in the header":        {frame[:7], io.ErrUnexpectedEOF},
		"in the options":       {frame[:14], io.ErrUnexpectedEOF},
		"before the payload":   {frame[:16], io.ErrUnexpectedEOF},
		"in the payload":       {frame[:5000], io.ErrUnexpectedEOF},
		"in a second one":      {append(bytes.Clone(frame), frame[:50]...), io.ErrUnexpectedEOF},
		"before the last byte": {frame[:len(frame)-1], io.ErrUnexpectedEOF},
	} {
		c := reading(bytes.NewReader(test.input), Options{})
		if _, err := readAll(t, c); err != test.want {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
		if err := c.ReadFrame(new(Frame)); err != test.want {
			t.Errorf("%s, asked again: got %v, want %v", name, err, test.want)
		}
	}
}

func TestTheDeathOfThePeerInTheRestIsUnexpected(t *testing.T) {
	frame := data("{}", text(100_000)).encode()
	c := reading(bytes.NewReader(frame[:60_000]), Options{MaxInMemory: 1})
	var f Frame
	if err := c.ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(&f); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if err := c.ReadFrame(new(Frame)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the next frame: got %v", err)
	}
}

func TestAPayloadAboveTheLimitIsRefused(t *testing.T) {
	for size, want := range map[int]error{1000: nil, 1001: ErrFrameTooLarge} {
		c := reading(bytes.NewReader(data("{}", text(size-2)).encode()), Options{MaxFrame: 1000})
		err := c.ReadFrame(new(Frame))
		if !errors.Is(err, want) {
			t.Errorf("%d bytes: got %v, want %v", size, err, want)
		}
	}
}

func TestAHeaderAloneDoesNotReserveItsPayload(t *testing.T) {
	header := AppendHeader(nil, &Header{PayloadLen: 1 << 30})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := reading(bytes.NewReader(append(header, "only this"...)), Options{}).ReadFrame(new(Frame))
	runtime.ReadMemStats(&after)
	if err != io.ErrUnexpectedEOF {
		t.Errorf("got %v", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 2*trustedSize {
		t.Errorf("%d bytes were allocated for a payload that never came", used)
	}
}

func TestAPayloadLongerThanIsTrustedArrivesWhole(t *testing.T) {
	want := data("{}", text(2*trustedSize+12345))
	if got := mustRead(t, reading(bytes.NewReader(append(want.encode(), want.encode()...)), Options{})); got != want {
		t.Error("the content differs")
	}
}

func TestAScriptThatCouldNotBeOpenedIsShownInTheError(t *testing.T) {
	const printed = "Could not open input file: worker.php\n"
	err := reading(strings.NewReader(printed), Options{}).ReadFrame(new(Frame))
	frameErr, ok := errors.AsType[*FrameError](err)
	if !ok || string(frameErr.Preview) != printed {
		t.Fatalf("got %#v", err)
	}
	const want = `reading a frame header: not a goridge frame, the peer sent "Could not open input file: worker.php\n"`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestThePreviewIsNotLongerThanItSays(t *testing.T) {
	err := reading(strings.NewReader(text(10_000)), Options{}).ReadFrame(new(Frame))
	frameErr, ok := errors.AsType[*FrameError](err)
	if !ok || string(frameErr.Preview) != text(previewSize) {
		t.Errorf("got %v", err)
	}
}

func TestOneReadBringsTheWholeFrame(t *testing.T) {
	want := data(`{"status":200}`, text(16_350))
	frame, bare := want.encode(), message{stream: StreamPong}
	for name, test := range map[string]struct {
		pieces [][]byte
		bares  int
		reads  int
	}{
		"alone":                    {[][]byte{frame}, 0, 1},
		"with a byte of the next":  {[][]byte{append(bytes.Clone(frame), 0x13)}, 0, 1},
		"behind one that was read": {[][]byte{bare.encode(), frame}, 1, 2},
		"begun at the buffer's end": {[][]byte{append(encode(slices.Repeat([]message{bare}, 1200)...), frame[:10]...), frame[10:]},
			1200, 2},
	} {
		r := &countingReader{Reader: chunks(test.pieces...)}
		c := reading(r, Options{})
		for range test.bares {
			mustRead(t, c)
		}
		if got := mustRead(t, c); got != want || r.reads != test.reads {
			t.Errorf("%s: %d reads, want %d, for %v", name, r.reads, test.reads, got)
		}
	}
}

func TestNothingBehindALargeFrameIsReadWithIt(t *testing.T) {
	input := bytes.NewReader(encode(data("{}", text(30_000)), data("{}", "next")))
	c := reading(input, Options{})
	mustRead(t, c)
	if behind := len(data("{}", "next").encode()); input.Len() != behind {
		t.Errorf("%d bytes are left of the %d behind it", input.Len(), behind)
	}
	if got := mustRead(t, c); got != data("{}", "next") {
		t.Errorf("got %v", got)
	}
}

func TestAReaderThatReadsNothingAtTimesIsAskedAgain(t *testing.T) {
	want := data("{}", "body")
	pieces := [][]byte{want.encode()[:20], want.encode()[20:]}
	asked := 0
	c := reading(readerFunc(func(p []byte) (int, error) {
		asked++
		if asked%10 != 0 {
			return 0, nil
		}
		n := copy(p, pieces[0])
		pieces = pieces[1:]
		return n, nil
	}), Options{})
	if got := mustRead(t, c); got != want {
		t.Errorf("got %v", got)
	}
}

type countingReader struct {
	io.Reader
	reads int
}

func (r *countingReader) Read(p []byte) (int, error) {
	r.reads++
	return r.Reader.Read(p)
}

func TestAReaderThatNeverReadsAnythingEnds(t *testing.T) {
	err := reading(readerFunc(func([]byte) (int, error) { return 0, nil }), Options{}).ReadFrame(new(Frame))
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

func TestAReaderThatFailsIsQuoted(t *testing.T) {
	broken := errors.New("the wire is cut")
	r := io.MultiReader(bytes.NewReader(data("", "x").encode()[:15]), iotest.ErrReader(broken))
	if err := reading(r, Options{}).ReadFrame(new(Frame)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestManySmallFramesInOneReadAreAllReturned(t *testing.T) {
	var want []message
	for i := range 2000 {
		want = append(want, data("{}", text(i%40)), message{stream: StreamPong})
	}
	got, err := readAll(t, reading(bytes.NewReader(encode(want...)), Options{}))
	if err != io.EOF || !slices.Equal(got, want) {
		t.Errorf("%d frames of %d, %v", len(got), len(want), err)
	}
}
