package goridge

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestPipesAreReadAndWrittenDirectly(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := NewConn(r, w, Options{})
	defer c.Close()
	in, read := c.in.(*direct)
	out, written := c.out.(*direct)
	if !read || !written {
		t.Fatalf("reading by %T, writing by %T", c.in, c.out)
	}
	var got []byte
	body := []byte(text(300_000)) // more than a pipe takes
	done := make(chan error)
	go func() {
		_, err := out.Write(body)
		done <- err
	}()
	for buf := make([]byte, 70_000); len(got) < len(body); {
		n, err := in.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if err := <-done; err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}

	if err := c.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := in.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind the deadline %d bytes, %v", n, err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := in.Read(nil); n != 0 || err != nil {
		t.Errorf("reading nothing: %d bytes, %v", n, err)
	}
	w.Close()
	if n, err := in.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end %d bytes, %v", n, err)
	}
}

func TestWritingDirectlyToAPipeThatNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	out := directWriter(w)
	if err := w.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := out.Write(make([]byte, 1<<20)); n == 0 || n == 1<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a full pipe took %d bytes, %v", n, err)
	}
	if err := w.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if n, err := out.Write([]byte("x")); n != 0 || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("without a reader it took %d bytes, %v", n, err)
	}
}

// A system call that blocks would keep Go's scheduler from everything else.
func TestWhatMayBlockIsNotReadDirectly(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fds := make([]int, 2)
	if err := syscall.Pipe(fds); err != nil {
		t.Fatal(err)
	}
	blocking, end := os.NewFile(uintptr(fds[0]), "blocking"), os.NewFile(uintptr(fds[1]), "end")
	defer blocking.Close()
	defer end.Close()
	near, _ := socket(t)
	for _, r := range []io.Reader{file, blocking, near, bytes.NewReader(nil)} {
		if got := directReader(r); got != r {
			t.Errorf("%T is read by %T", r, got)
		}
	}
	if got := directWriter(file); got != io.Writer(file) {
		t.Errorf("a file is written by %T", got)
	}
}
