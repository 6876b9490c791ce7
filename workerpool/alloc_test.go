//go:build linux && !race

package workerpool

import "testing"

// A turn costs its Turn and one closure: see BenchmarkExec for the time.
func TestASmallRequestCostsFewAllocations(t *testing.T) {
	p := start(t, self(1))
	req := script("answer", "body")
	req.Frame = append(make([]byte, 0, len(req.Frame)+1024), req.Frame...)
	costsTwoAllocations(t, p, req)
}

// The same holds where PHP speaks FastCGI.
func TestASmallClassicRequestCostsFewAllocations(t *testing.T) {
	eachPHP(t, Config{Min: 1}, func(t *testing.T, c classic) {
		costsTwoAllocations(t, c.Pool, hello(t, c, 12))
	})
}

func costsTwoAllocations(t *testing.T, p *Pool, req *Request) {
	t.Helper()
	exec := func() {
		turn, err := p.Exec(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		turn.Close()
	}
	for range 100 {
		exec()
	}
	if n := testing.AllocsPerRun(1000, exec); n > 2 {
		t.Errorf("%v allocations per request; want 2 at most", n)
	}
}
