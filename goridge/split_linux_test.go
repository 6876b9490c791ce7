package goridge

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// almostFull returns a pipe with no free page, and room bytes free on the last.
func almostFull(t *testing.T, room int) (r, w *os.File) {
	t.Helper()
	r, w = ends(t)
	t.Cleanup(func() { r.Close(); w.Close() })
	page := os.Getpagesize()
	fill(t, w, make([]byte, page)) // whole pages only
	if _, err := r.Read(make([]byte, page)); err != nil {
		t.Fatal(err)
	}
	if n := fill(t, w, make([]byte, page-room)); n != page-room {
		t.Fatalf("one page less %d bytes: the pipe took %d", room, n)
	}
	return r, w
}

// fill writes p again and again until the pipe takes no more.
func fill(t *testing.T, w *os.File, p []byte) (total int) {
	t.Helper()
	for {
		n := tryWrite(t, w, p)
		if n == 0 {
			return total
		}
		total += n
	}
}

// tryWrite makes one system call.
func tryWrite(t *testing.T, w *os.File, p []byte) (n int) {
	t.Helper()
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), p)
		return true
	})
	if err == syscall.EAGAIN {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAnAlmostFullPipeTakesPartOfAHeader(t *testing.T) {
	// This is what the kernel does, and the reason for splitAt. Should it ever
	// stop, this test says so.
	_, w := almostFull(t, 100)
	if n := tryWrite(t, w, make([]byte, 2*os.Getpagesize()+5)); n != 5 {
		t.Errorf("the pipe took %d bytes", n)
	}
}

func TestAFrameNeverLeavesPartOfItsHeaderInAnAlmostFullPipe(t *testing.T) {
	for over := range 2 * HeaderSize {
		_, w := almostFull(t, 100)
		head := HeaderSize + 4 + len("{}")
		frame := data("{}", text(2*os.Getpagesize()+over-head)).encode()
		c := writing(w)
		if err := c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Write(frame)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a full pipe: got %v", err)
		}
		if 0 < n && n < HeaderSize {
			t.Errorf("a frame of %d bytes: %d of its header are in the pipe", len(frame), n)
		}
	}
}

func TestAFrameWrittenInTwoPartsArrivesWhole(t *testing.T) {
	r, w := ends(t)
	server, worker := writing(w), reading(r, Options{})
	defer server.Close()
	defer worker.Close()
	want := data("{}", text(2*os.Getpagesize()+5-18))
	if splitAt(len(want.encode())) == 0 {
		t.Fatal("the frame is not written in two parts")
	}
	if n, err := server.Write(want.encode()); n != len(want.encode()) || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if got := mustRead(t, worker); got != want {
		t.Errorf("got %v", got)
	}
}
