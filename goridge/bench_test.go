package goridge

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// repeat reads the same bytes for ever, a frame at a time like a worker that
// answers one request after the other.
type repeat struct {
	frame []byte
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.frame[r.at:])
	r.at = (r.at + n) % len(r.frame)
	return n, nil
}

func BenchmarkReadFrame(b *testing.B) {
	for _, size := range []int{100, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			frame := data(`{"status":200,"headers":{}}`, text(size)).encode()
			c := reading(&repeat{frame: frame}, Options{})
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			var f Frame
			for b.Loop() {
				if err := c.ReadFrame(&f); err != nil {
					b.Fatal(err)
				}
				f.Release()
			}
		})
	}
}

// BenchmarkReadRest reads a frame that is not kept in memory.
func BenchmarkReadRest(b *testing.B) {
	frame := data(`{"status":200,"headers":{}}`, text(1_000_000)).encode()
	c := reading(&repeat{frame: frame}, Options{MaxInMemory: 1000})
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	var f Frame
	for b.Loop() {
		if err := c.ReadFrame(&f); err != nil {
			b.Fatal(err)
		}
		if _, err := f.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
		f.Release()
	}
}

// BenchmarkRoundTrip sends a request through one pipe and gets a response of
// the same size through another, from a goroutine in place of the worker.
func BenchmarkRoundTrip(b *testing.B) {
	for _, size := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			workerIn, serverOut := ends(b)
			serverIn, workerOut := ends(b)
			server := NewConn(serverIn, serverOut, Options{})
			worker := NewConn(workerIn, workerOut, Options{})
			done := make(chan error, 1)
			go func() {
				var f Frame
				var answer []byte
				for {
					if err := worker.ReadFrame(&f); err != nil {
						done <- err
						return
					}
					const head = `{"status":200,"headers":{}}`
					answer = AppendHeader(answer[:0], &Header{
						NumOptions: 1, Options: [MaxOptions]uint32{uint32(len(head))}, PayloadLen: uint32(len(head) + len(f.Body())),
					})
					answer = append(append(answer, head...), f.Body()...)
					f.Release()
					if _, err := worker.Write(answer); err != nil {
						done <- err
						return
					}
				}
			}()
			b.ReportAllocs()
			body := []byte(text(size))
			var request []byte
			var f Frame
			for b.Loop() {
				request = BeginRequest(request[:0])
				request = append(request, requestHead...)
				request = append(request, body...)
				FinishRequest(request, 0, CodecJSON, len(requestHead), len(body))
				if _, err := server.Write(request); err != nil {
					b.Fatal(err)
				}
				if err := server.ReadFrame(&f); err != nil {
					b.Fatal(err)
				}
				if len(f.Body()) != size {
					b.Fatalf("%d bytes came back", len(f.Body()))
				}
				f.Release()
			}
			server.Close()
			if err := <-done; err != io.EOF {
				b.Errorf("the worker ended with %v", err)
			}
			worker.Close()
		})
	}
}

// BenchmarkTryReadFrame is the price of asking an idle worker.
func BenchmarkTryReadFrame(b *testing.B) {
	c, _ := pipe(b, Options{})
	b.ReportAllocs()
	var f Frame
	for b.Loop() {
		if ok, err := c.TryReadFrame(&f); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkPID(b *testing.B) {
	var f Frame
	if err := reading(bytes.NewReader(recorded(b, "pid")), Options{}).ReadFrame(&f); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.PID(); err != nil {
			b.Fatal(err)
		}
	}
}
