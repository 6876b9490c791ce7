package workerpool

import (
	"fmt"
	"testing"
	"time"
)

// What lies behind a front that takes long does not wait for it.

// stuck is a new pool's only worker at a front, with n requests behind it, and room for another
// worker. With together the worker has read them all.
func stuck(t *testing.T, c Config, together bool, front string, n int, behind ...*Request) (p *Pool, results []<-chan result) {
	t.Helper()
	p = start(t, c)
	results = rowOf(t, p, together, n, append([]*Request{script(front)}, behind...)...)
	p.mu.Lock()
	p.pace.tooLong = tooLong
	p.mu.Unlock()
	if err := p.Scale(1, 2); err != nil {
		t.Fatal(err)
	}
	return p, results
}

// twice proves that each of n requests has been carried out twice, and that both workers
// that there are give each request its own answer.
func twice(t *testing.T, p *Pool, n int, file string) {
	t.Helper()
	eventually(t, "the requests are carried out twice", func() bool {
		entries := entriesOf(t, file)
		for i := range n {
			if entries[fmt.Sprint("behind ", i)] != 2 {
				return false
			}
		}
		return true
	})
	calm(p)
	load(t, p, 4, 20, "answer")
	eventually(t, "all workers are ready", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for w := range p.workers {
			if w.turn != noTurn || w.link.Owes() {
				return false
			}
		}
		return true
	})
	if s := p.Stats(); len(s.Restarts) != 0 {
		t.Errorf("workers ended: %v", s.Restarts)
	}
}

func TestRequestsBehindALongOneAreRepeatedElsewhere(t *testing.T) {
	for _, together := range []bool{false, true} {
		for _, n := range []int{1, 5} {
			g, file := newGate(t), journal(t)
			p, r := stuck(t, steady(1), together, "visit "+g.path+"; answer front", n, five(file)[:n]...)
			p.mu.Lock()
			p.pace.long = longTurn
			p.mu.Unlock()
			v := g.next(t)
			answered(t, r[1:], file)
			p.mu.Lock()
			if p.pace.unsteadyFor == 0 {
				t.Error("the front is not over, and does not count as long yet")
			}
			p.mu.Unlock()
			v.release()
			if got := receive(t, r[0]).body(t); got != "front" {
				t.Errorf("the front was answered with %q", got)
			}
			twice(t, p, n, file)
		}
	}
}

// The front has been answered, and the worker works on.
func TestRequestsBehindLongWorkAfterAnAnswerAreRepeatedElsewhere(t *testing.T) {
	for _, n := range []int{1, 5} {
		g, file := newGate(t), journal(t)
		p, r := stuck(t, steady(1), true, "answer front; visit "+g.path, n, five(file)[:n]...)
		v := g.next(t)
		if got := receive(t, r[0]).body(t); got != "front" {
			t.Errorf("the front was answered with %q", got)
		}
		answered(t, r[1:], file)
		v.release()
		twice(t, p, n, file)
	}
}

func TestRequestsBehindALargeAnswerAreRepeatedElsewhere(t *testing.T) {
	for _, canceled := range []bool{false, true} {
		for _, n := range []int{1, 5} {
			c, file := steady(1), journal(t)
			c.MaxInMemory = 1000
			p, r := stuck(t, c, true, "big 300000", n, five(file)[:n]...)
			front, begin := receive(t, r[0]), time.Now() // and nobody reads its rest
			if front.err != nil {
				t.Fatal(front.err)
			}
			answered(t, r[1:], file)
			eventually(t, "the client has been slow", func() bool { return time.Since(begin) > tooLong+10*queueTick })
			if canceled {
				front.turn.Close()
			} else if got := whole(t, front.turn); len(got) != 300_000 {
				t.Errorf("the front was answered with %d bytes", len(got))
			}
			twice(t, p, n, file)
		}
	}
}

// Behind a stream the client may have dropped them, so its worker has to go when the stream
// is over.
func TestRequestsBehindAStreamAreRepeatedElsewhere(t *testing.T) {
	for _, canceled := range []bool{false, true} {
		for _, n := range []int{1, 5} {
			g, file := newGate(t), journal(t)
			p, r := stuck(t, steady(1), true, "chunk 1; visit "+g.path+"; answer 2", n, five(file)[:n]...)
			v := g.next(t)
			answered(t, r[1:], file)
			front := receive(t, r[0])
			if canceled {
				front.turn.Close()
			}
			v.release()
			if !canceled {
				if got := front.body(t); got != "12" {
					t.Errorf("the front was answered with %q", got)
				}
			}
			booked(t, p, 1, ReasonRestart)
			load(t, p, 4, 20, "answer")
		}
	}
}

// What must not be repeated is never sent to a worker that is at something else.
func TestAPostIsNeverBehindAnything(t *testing.T) {
	for _, front := range []string{"big 300000", "chunk 1; chunk 2; answer 3", "answer front", "exit 3"} {
		c, file := steady(1), journal(t)
		c.MaxInMemory = 1000
		p := start(t, c)
		r := rowOf(t, p, false, 0, script(front), script("note "+file+"; answer", "behind"), script("answer", "last"))
		if got := receive(t, r[0]); got.err == nil {
			got.turn.Close()
		}
		for i, want := range []string{"behind", "last"} {
			if got := receive(t, r[i+1]).body(t); got != want {
				t.Errorf("%s was answered with %q", want, got)
			}
		}
		for i := range 6 {
			later := fmt.Sprint("later ", i)
			if got := ask(t, p, "answer", later); got != later {
				t.Errorf("%s was answered with %q", later, got)
			}
		}
		if n := entriesOf(t, file)["behind"]; n != 1 {
			t.Errorf("behind %q the request was carried out %d times", front, n)
		}
		if n := p.Stats().Ahead; n != 0 {
			t.Errorf("%d requests were sent ahead", n)
		}
	}
}

// request_timeout is for what a worker has begun with.
func TestTheTimeOfARequestBeginsWhenTheWorkerBeginsWithIt(t *testing.T) {
	c, g, file := steady(1), newGate(t), journal(t)
	c.RequestTimeout = 2 * time.Second // also for those that line up
	p := start(t, c)
	r := rowOf(t, p, true, 2, repeatable("answer front; visit "+g.path), repeatable("note "+file+"; answer", "behind 0"), repeatable("note "+file+"; answer", "behind 1"))
	v, begin := g.next(t), time.Now()
	if got := receive(t, r[0]).body(t); got != "front" {
		t.Errorf("the front was answered with %q", got)
	}
	eventually(t, "its worker has worked on for longer than a request may take", func() bool { return time.Since(begin) > 2*c.RequestTimeout })
	v.release()
	if n := answered(t, r[1:], file); n != 1 {
		t.Errorf("a request was carried out %d times", n)
	}
	if s := p.Stats(); len(s.Restarts) != 0 {
		t.Errorf("workers ended: %v", s.Restarts)
	}
}
