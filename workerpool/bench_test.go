package workerpool

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkExec is one request after the other to one worker.
func BenchmarkExec(b *testing.B) {
	for _, relay := range relays {
		for _, size := range []int{0, 64 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", relay, size>>10), func(b *testing.B) {
				c := self(1)
				c.Relay = relay
				p := start(b, c)
				req := script("answer", strings.Repeat("x", size))
				req.Frame = append(make([]byte, 0, len(req.Frame)+1024), req.Frame...)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					turn, err := p.Exec(b.Context(), req)
					if err != nil {
						b.Fatal(err)
					}
					turn.Close()
				}
			})
		}
	}
}

// BenchmarkExecParallel is more requests at a time than there are workers.
func BenchmarkExecParallel(b *testing.B) {
	p := start(b, self(4))
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		req := script("answer", "body")
		for pb.Next() {
			turn, err := p.Exec(b.Context(), req)
			if err != nil {
				b.Error(err)
				return
			}
			turn.Close()
		}
	})
}
