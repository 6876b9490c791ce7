package goridge

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestCloseEndsAReaderAndAWriterThatWait(t *testing.T) {
	connections := map[string]func(t *testing.T) *Conn{
		"pipes": func(t *testing.T) *Conn {
			in, inFar := ends(t)
			outFar, out := ends(t)
			t.Cleanup(func() { inFar.Close(); outFar.Close() })
			return NewConn(in, out, Options{})
		},
		"socket": func(t *testing.T) *Conn {
			near, _ := socket(t)
			return NewConn(near, near, Options{})
		},
	}
	for name, connect := range connections {
		t.Run(name, func(t *testing.T) {
			c := connect(t)
			read, wrote := make(chan error, 1), make(chan error, 1)
			started := make(chan struct{}, 2)
			go func() {
				started <- struct{}{}
				read <- c.ReadFrame(new(Frame))
			}()
			go func() {
				started <- struct{}{}
				wrote <- c.WriteBody(nil, endless{}, 1<<40)
			}()
			receive(t, started)
			receive(t, started)
			if err := c.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
			if err := receive(t, read); !errors.Is(err, ErrClosed) {
				t.Errorf("the reader got %v", err)
			}
			if err := receive(t, wrote); !errors.Is(err, ErrClosed) {
				t.Errorf("the writer got %v", err)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAClosedConnectionSaysSo(t *testing.T) {
	c, w := pipe(t, Options{})
	mustWrite(t, w, encode(data("", "1"), data("", "2")))
	mustRead(t, c)
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if err := c.ReadFrame(new(Frame)); !errors.Is(err, ErrClosed) {
		t.Errorf("reading: %v", err)
	}
	if ok, err := c.TryReadFrame(new(Frame)); ok || !errors.Is(err, ErrClosed) {
		t.Errorf("trying to read: %v, %v", ok, err)
	}
	if _, err := c.Write(AppendControlStop(nil)); !errors.Is(err, ErrClosed) || !safeToRetry(t, err) {
		t.Errorf("writing: %v", err)
	}
	if err := c.WriteBody(AppendControlStop(nil), strings.NewReader("x"), 1); !errors.Is(err, ErrClosed) || !safeToRetry(t, err) {
		t.Errorf("writing a body: %v", err)
	}
}

func TestCloseClosesBothDirectionsAndReportsOnce(t *testing.T) {
	r, w := &closer{err: errors.New("first")}, &closer{err: errors.New("second")}
	c := NewConn(r, w, Options{})
	for range 2 {
		if err := c.Close(); !errors.Is(err, r.err) || !errors.Is(err, w.err) {
			t.Errorf("got %v", err)
		}
	}
	if r.closed != 1 || w.closed != 1 {
		t.Errorf("closed %d and %d times", r.closed, w.closed)
	}
}

type closer struct {
	nothing
	closed int
	err    error
}

func (c *closer) Close() error { c.closed++; return c.err }

func TestAProcessIDIsReadInAnySpelling(t *testing.T) {
	control := func(payload string) *Frame {
		b := message{flags: FlagControl, body: payload}.encode()
		var f Frame
		if err := reading(bytes.NewReader(b), Options{}).ReadFrame(&f); err != nil {
			t.Fatal(err)
		}
		return &f
	}
	for payload, want := range map[string]int{
		`{"pid":1}`:                1,
		`{"pid":999999999}`:        999999999,
		`{"pid":2147483647}`:       2147483647,
		`{ "pid" : 4711 }`:         4711,
		`{"pid":4711,"more":true}`: 4711,
	} {
		if pid, err := control(payload).PID(); pid != want || err != nil {
			t.Errorf("%s: got %d, %v", payload, pid, err)
		}
	}
	for _, payload := range []string{``, `{}`, `{"pid":0}`, `{"pid":-1}`, `{"pid":01}`, `{"pid":1.5}`, `{"pid":"1"}`, `{"pid":}`, `{"stop":true}`, `{"pid":99999999999999999999}`} {
		if pid, err := control(payload).PID(); pid != 0 || !errors.Is(err, ErrBadControl) {
			t.Errorf("%s: got %d, %v", payload, pid, err)
		}
	}
	var f Frame
	if err := reading(bytes.NewReader(data("", `{"pid":1}`).encode()), Options{}).ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PID(); !errors.Is(err, ErrBadControl) {
		t.Errorf("in a data frame: got %v", err)
	}
}

func TestAStopRequestIsNothingButItsContext(t *testing.T) {
	for _, m := range []message{
		{options: 1, context: stopping, body: "x"},
		{options: 1, context: stopping + " "},
		{options: 1, body: stopping},
		{body: stopping},
		{flags: FlagControl, options: 1, context: stopping},
		{flags: FlagError, options: 1, context: stopping},
		{stream: StreamMore, options: 1, context: stopping},
		{options: 1},
	} {
		var f Frame
		if err := reading(bytes.NewReader(m.encode()), Options{}).ReadFrame(&f); err != nil {
			t.Fatal(err)
		}
		if f.IsStopRequest() {
			t.Errorf("%v is taken for a stop request", m)
		}
	}
}

func TestARequestOfImpossibleLengthPanics(t *testing.T) {
	tooLong := int64(MaxPayload) // negative as an int of 32 bits
	for _, n := range []int{-1, int(tooLong)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a body of %d bytes was announced", n)
				}
			}()
			plain(CodecJSON, "{}", n)
		}()
	}
	plain(CodecJSON, "{}", int(min(tooLong-2, math.MaxInt)))
}

func TestFinishRequestTouchesNothingButItsHeader(t *testing.T) {
	buf := BeginRequest([]byte("before"))
	buf = append(buf, "context"...)
	FinishRequest(buf, 6, CodecProto, 7, 3)
	buf = append(buf, "end"...)
	if before := buf[:6]; string(before) != "before" {
		t.Errorf("before it stands %q", before)
	}
	want := message{flags: CodecProto, options: 1, context: "context", body: "end"}.encode()
	if got := PlainRequest(buf[6:]); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestARequestCanBeSentWithAndWithoutANumberAgainAndAgain(t *testing.T) {
	request := append(BeginRequest(nil), "context and body"...)
	FinishRequest(request, 0, CodecProto, 7, 9)
	plain := message{flags: CodecProto, options: 1, context: "context", body: " and body"}.encode()
	for i, number := range []uint32{0, 0, 1, 0xfffffffe, 0, 7, 8, 0} {
		if number == 0 {
			if got := PlainRequest(request); !bytes.Equal(got, plain) || len(got) != RequestSize(request, false) {
				t.Errorf("%d, plain: got %q, want %q", i, got, plain)
			}
			continue
		}
		got := NumberRequest(request, number)
		var f Frame
		if err := reading(bytes.NewReader(got), Options{}).ReadFrame(&f); err != nil {
			t.Fatal(err)
		}
		if f.Number() != number || f.Flags != CodecProto || string(f.Context()) != "context" || string(f.Body()) != " and body" {
			t.Errorf("%d, numbered: got %d, flags %x, %q, %q", i, f.Number(), f.Flags, f.Context(), f.Body())
		}
		if len(got) != RequestSize(request, true) {
			t.Errorf("%d bytes, not %d", len(got), RequestSize(request, true))
		}
	}
}

func TestHelloAndDoneAreReadOnlyOfTheirFrames(t *testing.T) {
	read := func(h Header, payload string) *Frame {
		h.PayloadLen = uint32(len(payload))
		var f Frame
		if err := reading(bytes.NewReader(append(AppendHeader(nil, &h), payload...)), Options{}).ReadFrame(&f); err != nil {
			t.Fatal(err)
		}
		return &f
	}
	numbered := Header{Flags: FlagControl, NumOptions: 2, Options: [MaxOptions]uint32{0, 9}}
	for _, c := range []struct {
		header  Header
		payload string
		hello   Hello
		done    uint32
	}{
		{Header{Flags: FlagControl}, `{"pid":12}`, Hello{PID: 12}, 0},
		{Header{Flags: FlagControl}, `{"pid":12,"numbers":true}`, Hello{PID: 12, Numbers: true}, 0},
		{Header{Flags: FlagControl}, `{"numbers":true}`, Hello{}, 0},
		{Header{Flags: CodecJSON}, `{"pid":12}`, Hello{}, 0},
		{Header{Flags: FlagControl}, `{"done":true}`, Hello{}, 0},
		{numbered, `{"done":true}`, Hello{}, 9},
		{Header{NumOptions: 2, Options: [MaxOptions]uint32{0, 9}}, `{"done":true}`, Hello{}, 0},
	} {
		f := read(c.header, c.payload)
		hello, err := f.Hello()
		if err == nil && hello != c.hello || err != nil && c.hello != (Hello{}) || f.DoneNumber() != c.done {
			t.Errorf("%+v %s: hello %+v, %v; done with %d", c.header, c.payload, hello, err, f.DoneNumber())
		}
	}
}

func TestRelayAddressesAreTheOnesPHPParses(t *testing.T) {
	if got := RelayFDs(3, 4); got != "pipes://fd/3:fd/4" {
		t.Errorf("got %s", got)
	}
	if got, err := RelayUnix("/run/app.sock"); got != "unix:///run/app.sock" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	for _, path := range []string{"", "/run/a:b.sock", "/run/\x00"} {
		if got, err := RelayUnix(path); got != "" || err == nil {
			t.Errorf("%q: got %s", path, got)
		}
	}
}

var _ io.ReadWriteCloser = nothing{}
