package goridge

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// collect makes options whose stray bytes end up in the returned buffer.
func collect() (Options, *bytes.Buffer) {
	stray := new(bytes.Buffer)
	return Options{Stray: func(p []byte) { stray.Write(p) }}, stray
}

func TestTextBetweenFramesIsHandedOverAndTheFramesAreFound(t *testing.T) {
	one, two := data(`{"status":200}`, "first"), data(`{"status":200}`, text(40_000))
	sum := one.encode()
	sum[8]++ // a header but for one byte of its checksum
	for name, noise := range map[string]string{
		"a warning":                       "PHP Warning:  Undefined variable $x in /app/worker.php on line 3\n",
		"colours":                         "\x1b[32mready\x1b[0m \x1b(B",
		"the start of a header":           "\x14\x08",
		"starts of headers":               "\x14\x14\x14\x14\x08\x14\x14",
		"nearly a header":                 string(sum[:15]),
		"nearly a header and a start":     string(sum[:15]) + "\x14",
		"the frame's own first 9 bytes":   string(one.encode()[:9]),
		"more than one buffer":            text(100_000),
		"more than one buffer of headers": strings.Repeat("\x14\x08\x05\x00\x00\x00", 20_000),
		"every byte there is":             allBytes(),
	} {
		input := slices.Concat([]byte(noise), one.encode(), []byte(noise), two.encode(), []byte(noise))
		for how, split := range map[string]func(io.Reader) io.Reader{
			"at once":            func(r io.Reader) io.Reader { return r },
			"one byte at a time": iotest.OneByteReader,
		} {
			o, stray := collect()
			got, err := readAll(t, reading(split(bytes.NewReader(input)), o))
			if err != io.EOF || !slices.Equal(got, []message{one, two}) {
				t.Errorf("%s, %s: got %v, %v", name, how, got, err)
			}
			if stray.String() != strings.Repeat(noise, 3) {
				t.Errorf("%s, %s: stray bytes are %.200q", name, how, stray)
			}
		}
	}
}

func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

func TestStrayTextIsHandedOverBeforeMoreArrives(t *testing.T) {
	header := data("{}", "body").encode()[:HeaderSize]
	for name, test := range map[string]struct{ printed, now string }{
		"plain text":                        {"booting...\n", "booting...\n"},
		"a prompt without a newline":        {"password: ", "password: "},
		"a colour, whose ESC [ is a header": {"\x1b[32m", "\x1b[32m"},
		"the start of a header":             {"noise\x14", "noise"},
		"all of a header but a byte":        {"noise" + string(header[:11]), "noise"},
		"a header with a wrong sum":         {"noise" + string(header[:6]) + "!", "noise" + string(header[:6]) + "!"},
	} {
		r, w := io.Pipe()
		o, stray := collect()
		c := reading(r, o)
		done := make(chan error)
		go func() { done <- c.ReadFrame(new(Frame)) }()
		// io.Pipe hands over one write at a time: when the empty second one
		// is through, the Conn has dealt with the first and reads again.
		mustWrite(t, w, []byte(test.printed))
		mustWrite(t, w, nil)
		if stray.String() != test.now {
			t.Errorf("%s: handed over %q, want %q", name, stray, test.now)
		}
		w.Close()
		receive(t, done)
	}
}

func TestHeldBackBytesAreHandedOverAtTheEnd(t *testing.T) {
	header := data("{}", "body").encode()
	for n, want := range map[int]error{
		1: io.EOF, 2: io.EOF, 9: io.EOF,
		// With its sum complete it is a frame that was cut.
		10: io.ErrUnexpectedEOF, 11: io.ErrUnexpectedEOF, 17: io.ErrUnexpectedEOF,
	} {
		o, stray := collect()
		input := "text" + string(header[:n])
		err := reading(strings.NewReader(input), o).ReadFrame(new(Frame))
		if err != want {
			t.Errorf("%d bytes of a header: got %v", n, err)
		}
		if held := err != io.EOF; held == (stray.String() == input) {
			t.Errorf("%d bytes of a header: handed over %q", n, stray)
		}
	}
}

func TestAFrameBehindTextKeepsItsLimits(t *testing.T) {
	o, stray := collect()
	o.MaxFrame = 10
	err := reading(strings.NewReader("text"+string(data("{}", "too much").encode())+"x"), o).ReadFrame(new(Frame))
	if err != nil {
		t.Errorf("ten bytes: %v", err)
	}
	err = reading(strings.NewReader("text"+string(data("{}", "too much!").encode())), o).ReadFrame(new(Frame))
	if !errors.Is(err, ErrFrameTooLarge) || stray.String() != "texttext" {
		t.Errorf("eleven bytes: %v, stray %q", err, stray)
	}
}

func TestNoWarningIsEverTakenForAFrame(t *testing.T) {
	// What RoadRunner's error page about the checksum shows: the text ends up
	// in front of the frame, whose header then does not begin the stream.
	o, stray := collect()
	c := reading(strings.NewReader("Deprecated: something\n"+string(recorded(t, "pid"))), o)
	var f Frame
	if err := c.ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PID(); err != nil || stray.String() != "Deprecated: something\n" {
		t.Errorf("%v, stray %q", err, stray)
	}
}
