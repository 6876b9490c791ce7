package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// deep makes the pool forget why it sends nothing ahead, and send as many as it ever does.
func deep(p *Pool) {
	calm(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace.behind = maxBehind
}

// repeatable is a request that may be carried out twice.
func repeatable(steps string, body ...string) *Request {
	r := script(steps, body...)
	r.Repeatable = true
	return r
}

// rowOf sends the requests to a new pool's only worker, and expects so many of them
// to be sent behind the first. With together the worker finds all in its pipe when it
// reads the first.
func rowOf(t *testing.T, p *Pool, together bool, behind int, requests ...*Request) (results []<-chan result) {
	t.Helper()
	first, g, v := occupy(t, p, together)
	ahead := p.Stats().Ahead
	size := 0
	for i, r := range requests {
		if i <= behind {
			size += len(r.Frame) + len(probe)
		}
		results = append(results, send(p, t.Context(), r))
		queued(t, p, i+1)
	}
	deep(p) // nothing has been sent behind the first
	v.release()
	if together {
		v = g.next(t)
		eventually(t, "all lie in the pipe", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			for w := range p.workers {
				if len(w.line) > 0 {
					return pipeLevel(w.child.chosen.writer) == size
				}
			}
			return false
		})
		v.release()
	}
	eventually(t, fmt.Sprint(behind, " requests are sent ahead"), func() bool { return p.Stats().Ahead >= ahead+int64(behind) })
	receive(t, first).body(t)
	return results
}

// five are requests to be sent together, which note that they are carried out.
func five(file string) (requests []*Request) {
	for i := range 5 {
		requests = append(requests, repeatable("note "+file+"; answer", fmt.Sprint("behind ", i)))
	}
	return requests
}

// answered proves that each of them was answered, and returns how often they were
// carried out.
func answered(t *testing.T, behind []<-chan result, file string) (most int) {
	t.Helper()
	for i, c := range behind {
		if got, want := receive(t, c).body(t), fmt.Sprint("behind ", i); got != want {
			t.Errorf("%q was answered with %q", want, got)
		}
	}
	entries := entriesOf(t, file)
	for i := range behind {
		n := entries[fmt.Sprint("behind ", i)]
		if most = max(most, n); n == 0 {
			t.Errorf("request %d was not carried out", i)
		}
	}
	return most
}

func TestSeveralRequestsSentAheadAreAnswered(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprint("together ", together), func(t *testing.T) {
			p, g, file := start(t, steady(1)), newGate(t), journal(t)
			r := rowOf(t, p, together, 5, append([]*Request{script("visit " + g.path + "; answer front")}, five(file)...)...)
			g.next(t).release()
			if got := receive(t, r[0]).body(t); got != "front" {
				t.Errorf("the front was answered with %q", got)
			}
			if n := answered(t, r[1:], file); n != 1 {
				t.Errorf("a request was carried out %d times", n)
			}
		})
	}
}

func TestSeveralRequestsSentAheadSurviveTheEndOfTheirWorker(t *testing.T) {
	for _, together := range []bool{false, true} {
		for _, last := range []string{"exit 3", "kill 9", "raw nonsense that is no frame at all; exit 0", "chunk half an answer; exit 4", "answer; exit 0"} {
			t.Run(fmt.Sprint(last, ", together ", together), func(t *testing.T) {
				p, g, file := start(t, steady(1)), newGate(t), journal(t)
				front := script("visit "+g.path+"; note "+file+"; "+last, "front")
				r := rowOf(t, p, together, 5, append([]*Request{front}, five(file)...)...)
				g.next(t).release()
				if got := receive(t, r[0]); got.err == nil {
					got.turn.Close()
				}
				n := answered(t, r[1:], file)
				babbled := strings.HasPrefix(last, "raw")         // it may have gone on
				streamed := strings.HasPrefix(last, "chunk half") // it may have dropped them
				if n != 1 && !babbled && !streamed {
					t.Errorf("a request was carried out %d times", n)
				}
				if n := entriesOf(t, file)["front"]; n != 1 {
					t.Errorf("the front was carried out %d times", n)
				}
			})
		}
	}
}

func TestOnlyRequestsThatMayBeRepeatedAreSentTogether(t *testing.T) {
	get, post := repeatable, script
	for name, c := range map[string]struct {
		behind   int
		requests []*Request
	}{
		"the first alone":  {1, []*Request{post("answer"), post("answer"), get("answer"), get("answer")}},
		"up to another":    {2, []*Request{post("answer"), get("answer"), get("answer"), post("answer"), get("answer")}},
		"as many as it is": {maxBehind, []*Request{get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer")}},
	} {
		t.Run(name, func(t *testing.T) {
			p, g := start(t, steady(1)), newGate(t)
			requests := append([]*Request{script("visit " + g.path + "; answer")}, c.requests[1:]...)
			r := rowOf(t, p, false, c.behind, requests...)
			v := g.next(t)
			if n := p.Stats().Ahead; n != int64(c.behind) {
				t.Errorf("%d requests were sent ahead, want %d", n, c.behind)
			}
			v.release()
			for _, c := range r {
				receive(t, c).body(t)
			}
		})
	}
}

func TestSeveralRequestsBehindAStream(t *testing.T) {
	for name, stream := range map[string]string{
		// The client may have dropped any of them, so that no answer can be believed.
		"of a client that skips what it finds": "chunks 30",
		"of a client that leaves them alone":   "chunk 1; chunk 2; answer 3",
		"that breaks off":                      "chunk 1; exit 3",
	} {
		t.Run(name, func(t *testing.T) {
			p, logs := startLogged(t, steady(1))
			file := journal(t)
			r := rowOf(t, p, true, 5, append([]*Request{script(stream)}, five(file)...)...)
			got := receive(t, r[0])
			if got.err != nil {
				t.Fatal(got.err)
			}
			for got.err == nil {
				got.err = got.turn.Next()
			}
			if broken := strings.Contains(stream, "exit"); (got.err == io.EOF) == broken {
				t.Errorf("the stream ended with %v", got.err)
			}
			got.turn.Close()
			answered(t, r[1:], file)
			if n := logs.FilterMessage("worker ready").Len(); n != 2 {
				t.Errorf("%d workers were needed, want another one", n)
			}
			deep(p)
			p.mu.Lock()
			depth := p.pace.depth()
			p.mu.Unlock()
			if depth != 1 {
				t.Errorf("%d requests may still be sent ahead of a pool that streams", depth)
			}
		})
	}
}

func TestWhoeverIsInALineWhenThePoolIsStoppedIsTold(t *testing.T) {
	for _, together := range []bool{false, true} {
		p, g, file := start(t, steady(1)), newGate(t), journal(t)
		r := rowOf(t, p, together, 5, append([]*Request{script("visit " + g.path + "; answer front")}, five(file)...)...)
		g.next(t)
		now, cancel := context.WithCancel(t.Context())
		cancel()
		_ = p.Close(now)
		for i, c := range r[1:] {
			if got := receive(t, c); !errors.Is(got.err, ErrClosed) {
				t.Errorf("together %v: request %d ended with %v", together, i, got.err)
			}
		}
		if got := receive(t, r[0]); got.err == nil {
			t.Error("the front was answered by a worker that was killed")
		}
	}
}

func TestSeveralRequestsBehindALongOneAreTakenBackForAnotherWorker(t *testing.T) {
	for range 100 {
		p, g, file := start(t, steady(1)), newGate(t), journal(t)
		r := rowOf(t, p, false, 5, append([]*Request{script("visit " + g.path + "; answer front")}, five(file)...)...)
		v := g.next(t)
		if !lineLies(p) && p.Stats().Recalled == 0 { // the worker was so slow that it found them with the front
			v.release()
			for _, c := range r {
				receive(t, c).body(t)
			}
			continue
		}
		eventually(t, "they are taken back", func() bool { return p.Stats().Recalled == 5 })
		if err := p.Scale(2, 2); err != nil {
			t.Fatal(err)
		}
		// While the front is still at it:
		if n := answered(t, r[1:], file); n != 1 {
			t.Errorf("a request was carried out %d times", n)
		}
		v.release()
		if got := receive(t, r[0]).body(t); got != "front" {
			t.Errorf("the front was answered with %q", got)
		}
		return
	}
	t.Fatal("the worker always found all")
}

// lineLies reports whether a line lies in a worker's pipe.
func lineLies(p *Pool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.workers {
		if len(w.line) > 0 && pipeLevel(w.child.chosen.writer) > 0 {
			return true
		}
	}
	return false
}

// The worker has read the first of the line, and not the others.
func TestWhatIsInThePipeOfALineIsTakenBack(t *testing.T) {
	p, err := newPool(Config{Command: []string{"none"}}, zap.NewNop(), Events{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	defer ours.Close()
	w := &worker{child: &child{chosen: &candidate{tap: openTap(theirs)}}}
	defer w.child.chosen.tap.close()
	lie := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			n, err := ours.WriteString(text)
			w.line = append(w.line, &waiter{ahead: []byte(text), sent: n, err: err, outcome: make(chan outcome, 1)})
		}
	}
	lie("first", "the second", "3rd")
	left := w.line[1]
	left.left = true // its client has gone
	if _, err := io.ReadFull(theirs, make([]byte, len("first"))); err != nil {
		t.Fatal(err)
	}
	if err := p.recall(w); err != nil {
		t.Fatal(err)
	}
	if len(w.line) != 1 || string(w.line[0].ahead) != "first" {
		t.Errorf("%d requests are left", len(w.line))
	}
	if q := &p.queue; q.len != 1 || string(q.head.ahead) != "3rd" {
		t.Errorf("%d requests wait", q.len)
	}
	if o := <-left.outcome; o.err != errTakenBack {
		t.Errorf("who has gone is told %v", o.err)
	}
	if n := p.pace.recalled; n != 2 {
		t.Errorf("%d requests were taken back", n)
	}

	lie("fourth", "5th")
	if _, err := io.ReadFull(theirs, make([]byte, 2)); err != nil { // a part of a request is not taken back
		t.Fatal(err)
	}
	if err := p.recall(w); err != nil || len(w.line) != 3 || p.queue.len != 1 {
		t.Errorf("error %v, %d requests are left, %d wait", err, len(w.line), p.queue.len)
	}
	w.line[2].err = io.ErrShortWrite
	if _, err := io.ReadFull(theirs, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if err := p.recall(w); err != nil || len(w.line) != 3 {
		t.Errorf("error %v, %d requests are left of a broken relay", err, len(w.line))
	}
}

// PHP reads a pipe in pieces of 8192 bytes: a header in two of them ends the worker.
func TestNothingIsSentBehindARequestThatPHPReadsInPieces(t *testing.T) {
	for size, want := range map[int]int64{2000: 1, recallLimit - 200: 0} {
		p, g := start(t, steady(1)), newGate(t)
		deep(p)
		first := send(p, t.Context(), script("visit "+g.path+"; answer"))
		v := g.next(t)
		front := send(p, t.Context(), script("visit "+g.path+"; answer", strings.Repeat("x", size)))
		queued(t, p, 1)
		behind := send(p, t.Context(), script("answer", strings.Repeat("y", 200)))
		queued(t, p, 2)
		v.release()
		receive(t, first).body(t)
		g.next(t).release()
		receive(t, front).body(t)
		receive(t, behind).body(t)
		if n := p.Stats().Ahead; n != want {
			t.Errorf("behind %d bytes, %d requests were sent ahead, want %d", size, n, want)
		}
	}
}

func TestAWorkerIsSentNoMoreThanItMayServe(t *testing.T) {
	c, g, file := steady(1), newGate(t), journal(t)
	c.MaxRequests = 5 // the one of rowOf, the front, and three
	p := start(t, c)
	r := rowOf(t, p, false, 3, append([]*Request{script("visit " + g.path + "; answer front")}, five(file)...)...)
	v := g.next(t)
	if n := p.Stats().Ahead; n != 3 {
		t.Errorf("%d requests were sent ahead, want 3", n)
	}
	v.release()
	receive(t, r[0]).body(t)
	answered(t, r[1:], file)
	booked(t, p, 1, ReasonMaxRequests)
}
