package workerpool

import (
	"bytes"
	"os"
	"testing"
)

// pipeWithTap is the pipe of a worker that has not started to read.
func pipeWithTap(t *testing.T) (r, w *os.File, k *tap) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	k = openTap(r)
	if k == nil {
		t.Fatal("the pipe could not be opened a second time")
	}
	t.Cleanup(func() {
		k.close()
		r.Close()
		w.Close()
	})
	return r, w, k
}

func fillPipe(t *testing.T, w *os.File, n int) {
	t.Helper()
	if _, err := w.Write(bytes.Repeat([]byte("x"), n)); err != nil {
		t.Fatal(err)
	}
}

func TestARequestThatNobodyHasReadIsTakenBackWhole(t *testing.T) {
	for _, size := range []int{1, 100, 4096, 4097, recallLimit} {
		_, w, k := pipeWithTap(t)
		fillPipe(t, w, size)
		if taken, err := k.takeBack(size); !taken || err != nil {
			t.Errorf("%d bytes: taken %v, %v", size, taken, err)
		}
		if level := pipeLevel(w); level != 0 {
			t.Errorf("%d bytes: %d are left for the worker", size, level)
		}
	}
}

func TestWhatTheWorkerHasBegunToReadStaysIts(t *testing.T) {
	r, w, k := pipeWithTap(t)
	fillPipe(t, w, 100)
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if taken, err := k.takeBack(100); taken || err != nil {
		t.Errorf("taken %v, %v", taken, err)
	}
	if level := pipeLevel(w); level != 99 {
		t.Errorf("%d bytes are left for the worker, want 99", level)
	}
}

func TestNothingIsTakenBackBehindAnotherFrame(t *testing.T) {
	_, w, k := pipeWithTap(t)
	fillPipe(t, w, 25) // a pid frame that is still unread
	fillPipe(t, w, 100)
	if taken, err := k.takeBack(100); taken || err != nil || pipeLevel(w) != 125 {
		t.Errorf("taken %v, %v, %d bytes are left", taken, err, pipeLevel(w))
	}
}

func TestATapThatIsClosedTakesNothingAndLetsWritesFail(t *testing.T) {
	r, w, k := pipeWithTap(t)
	fillPipe(t, w, 100)
	k.close()
	k.close()
	if taken, err := k.takeBack(100); taken || err != nil {
		t.Errorf("taken %v, %v", taken, err)
	}
	r.Close()
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a write to a pipe that nobody reads succeeded")
	}
}
