package goridge

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// nothing is the unused direction of a connection.
type nothing struct{}

func (nothing) Read([]byte) (int, error)    { return 0, io.EOF }
func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Close() error                { return nil }

// reading returns a Conn that reads from r.
func reading(r io.Reader, o Options) *Conn {
	rc, ok := r.(io.ReadCloser)
	if !ok {
		rc = io.NopCloser(r)
	}
	return NewConn(rc, nothing{}, o)
}

// pipe returns a Conn that reads from a pipe of the operating system, and the
// pipe's other end.
func pipe(t testing.TB, o Options) (*Conn, *os.File) {
	t.Helper()
	r, w := ends(t)
	c := reading(r, o)
	t.Cleanup(func() { c.Close(); w.Close() })
	return c, w
}

// socket returns both ends of a unix socket.
func socket(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// message is a frame that a test made up, or a copy of one it has read.
type message struct {
	flags         Flags
	stream        StreamBits
	options       int
	context, body string
}

// data is an ordinary response.
func data(context, body string) message {
	return message{options: 1, context: context, body: body}
}

func (m message) String() string {
	return fmt.Sprintf("{%02x %02x %d %q %.100q}", uint8(m.flags), uint8(m.stream), m.options, m.context, m.body)
}

func (m message) encode() []byte {
	h := Header{Flags: m.flags, Stream: m.stream, NumOptions: m.options, PayloadLen: uint32(len(m.context) + len(m.body))}
	h.Options[0] = uint32(len(m.context))
	return append(append(AppendHeader(nil, &h), m.context...), m.body...)
}

func encode(messages ...message) []byte {
	var b []byte
	for _, m := range messages {
		b = append(b, m.encode()...)
	}
	return b
}

// plain is the beginning of a request, of which the body has to follow.
func plain(codec Flags, context string, bodyLen int) []byte {
	request := append(BeginRequest(nil), context...)
	FinishRequest(request, 0, codec, len(context), bodyLen)
	return PlainRequest(request)
}

// content copies a frame, with what has to be read from it.
func content(t testing.TB, f *Frame) message {
	t.Helper()
	rest, err := io.ReadAll(f)
	if err != nil {
		t.Fatalf("reading the rest of a frame: %v", err)
	}
	return message{f.Flags, f.Stream, f.NumOptions, string(f.Context()), string(f.Body()) + string(rest)}
}

// readAll reads frames to the end, releasing each.
func readAll(t testing.TB, c *Conn) (messages []message, err error) {
	t.Helper()
	for {
		var f Frame
		if err := c.ReadFrame(&f); err != nil {
			return messages, err
		}
		messages = append(messages, content(t, &f))
		f.Release()
	}
}

func mustWrite(t testing.TB, w io.Writer, p []byte) {
	t.Helper()
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, c *Conn) message {
	t.Helper()
	var f Frame
	if err := c.ReadFrame(&f); err != nil {
		t.Fatalf("reading a frame: %v", err)
	}
	defer f.Release()
	return content(t, &f)
}

// receive waits for something that has to come.
func receive[T any](t testing.TB, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within ten seconds")
	}
	return v
}

// text is n bytes that differ from place to place.
func text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i*7+i/251)%26
	}
	return string(b)
}

// chunks returns a reader that gives p in pieces, one for each read.
func chunks(pieces ...[]byte) io.Reader {
	readers := make([]io.Reader, len(pieces))
	for i, p := range pieces {
		readers[i] = bytes.NewReader(p)
	}
	return io.MultiReader(readers...)
}

// ends are those of a pipe, from which the first reads what the second writes. Who gets them closes them.
func ends(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}
