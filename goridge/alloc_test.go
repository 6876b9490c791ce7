//go:build !race

// Under the race detector a sync.Pool forgets at random, on purpose.

package goridge

import "testing"

func TestNothingIsAllocatedForAFrame(t *testing.T) {
	for _, size := range []int{0, 100, 10_000, 100_000, 1_000_000} {
		c := reading(&repeat{frame: data(plainHead, text(size)).encode()}, Options{})
		var request []byte
		body := []byte(text(size))
		out := writing(nothing{})
		allocs := testing.AllocsPerRun(100, func() {
			request = BeginRequest(request[:0])
			request = append(request, requestHead...)
			request = append(request, body...)
			FinishRequest(request, 0, CodecJSON, len(requestHead), len(body))
			if _, err := out.Write(request); err != nil {
				t.Fatal(err)
			}
			var f Frame
			if err := c.ReadFrame(&f); err != nil {
				t.Fatal(err)
			}
			f.Release()
		})
		if allocs != 0 {
			t.Errorf("a frame of %d bytes: %v allocations", size, allocs)
		}
	}
}

func TestNothingIsAllocatedForAReadyProbe(t *testing.T) {
	answer := &repeat{frame: recorded(t, "pid")}
	c := reading(answer, Options{})
	var probe []byte
	allocs := testing.AllocsPerRun(100, func() {
		probe = AppendControlPID(probe[:0], 4711)
		var f Frame
		if err := c.ReadFrame(&f); err != nil {
			t.Fatal(err)
		}
		if _, err := f.PID(); err != nil {
			t.Fatal(err)
		}
		f.Release()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestNothingIsAllocatedToGatherAFrame(t *testing.T) {
	for _, size := range []int{100, 15_000, 900_000} {
		var b FrameBuffer
		piece := []byte(text(100))
		var f Frame
		allocs := testing.AllocsPerRun(100, func() {
			for range size / len(piece) {
				b.Write(piece)
			}
			b.Take(&f, 0, 10, false, false)
			f.Release()
		})
		if allocs != 0 {
			t.Errorf("a frame of %d bytes: %v allocations", size, allocs)
		}
	}
}
