package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// deep makes the pool forget why it sends nothing ahead, and send as many as it ever does.
func deep(p *Pool) {
	calm(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace.behind = link.MaxBehind
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
			size += wireSize(r)
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
				if len(w.ahead) > 0 {
					return bytesInPipe(w) == size
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

func TestOnlyRequestsThatMayBeRepeatedAreSentAhead(t *testing.T) {
	get, post := repeatable, script
	for name, c := range map[string]struct {
		behind   int
		requests []*Request
	}{
		"none of another":  {0, []*Request{post("answer"), post("answer"), get("answer"), get("answer")}},
		"up to another":    {2, []*Request{post("answer"), get("answer"), get("answer"), post("answer"), get("answer")}},
		"as many as it is": {link.MaxBehind, []*Request{get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer"), get("answer")}},
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
