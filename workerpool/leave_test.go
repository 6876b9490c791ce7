package workerpool

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What PHP has read together with the front, and may be repeated, does not wait for it
// for long.

// stuck is a new pool's only worker at a front, which has read n requests behind it, and
// room for another worker.
func stuck(t *testing.T, c Config, front string, n int, behind ...*Request) (p *Pool, results []<-chan result) {
	t.Helper()
	c.Max = 2
	p = start(t, c)
	return p, rowOf(t, p, true, n, append([]*Request{script(front)}, behind...)...)
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
	p.mu.Lock()
	p.pace.behind = 1
	p.mu.Unlock()
	load(t, p, 4, 20, "answer")
	if s := p.Stats(); len(s.Restarts) != 0 {
		t.Errorf("workers ended: %v", s.Restarts)
	}
}

func TestRequestsBehindALongOneAreRepeatedElsewhere(t *testing.T) {
	for _, n := range []int{1, 5} {
		g, file := newGate(t), journal(t)
		p, r := stuck(t, steady(1), "visit "+g.path+"; answer front", n, five(file)[:n]...)
		v := g.next(t)
		answered(t, r[1:], file)
		v.release()
		if got := receive(t, r[0]).body(t); got != "front" {
			t.Errorf("the front was answered with %q", got)
		}
		twice(t, p, n, file)
	}
}

func TestRequestsBehindALargeAnswerAreRepeatedElsewhere(t *testing.T) {
	for _, n := range []int{1, 5} {
		c, file := steady(1), journal(t)
		c.MaxInMemory = 1000
		p, r := stuck(t, c, "big 300000", n, five(file)[:n]...)
		front := receive(t, r[0]) // and nobody reads its rest
		if front.err != nil {
			t.Fatal(front.err)
		}
		answered(t, r[1:], file)
		if got := whole(t, front.turn); len(got) != 300_000 {
			t.Errorf("the front was answered with %d bytes", len(got))
		}
		twice(t, p, n, file)
	}
}

// The client of a large answer goes away, so that a stop frame follows the requests.
func TestRequestsBehindALargeAnswerThatNobodyWantsAreRepeatedElsewhere(t *testing.T) {
	c, file := steady(1), journal(t)
	c.MaxInMemory = 1000
	p, r := stuck(t, c, "big 300000", 5, five(file)...)
	front := receive(t, r[0])
	if front.err != nil {
		t.Fatal(front.err)
	}
	answered(t, r[1:], file)
	front.turn.Close()
	booked(t, p, 1, ReasonRestart)
	load(t, p, 4, 20, "answer")
}

func TestRequestsBehindAStreamAreRepeatedElsewhere(t *testing.T) {
	for _, n := range []int{1, 5} {
		g, file := newGate(t), journal(t)
		p, r := stuck(t, steady(1), "chunk 1; visit "+g.path+"; answer 2", n, five(file)[:n]...)
		v := g.next(t)
		answered(t, r[1:], file)
		v.release()
		if got := receive(t, r[0]).body(t); got != "12" {
			t.Errorf("the front was answered with %q", got)
		}
		booked(t, p, 1, ReasonRestart)
	}
}

// Whatever a worker does with requests that have been answered elsewhere, nobody else
// gets that for an answer.
func TestAnAnswerThatNobodyWaitsForAnyMore(t *testing.T) {
	for name, c := range map[string]struct {
		then   string // at the second time
		reason Reason // why the worker ends; "": it stays
	}{
		"is dropped":                                 {"answer late", ""},
		"is dropped when it is an error":             {"error late", ""},
		"is dropped when there are two":              {"answer late, answer later", ""},
		"need not come":                              {"note /dev/null", ""},
		"is the end of a worker when it is a stream": {"chunk 1, chunk 2, answer 3", ReasonRestart},
		"is waited for, not for ever":                {"block", ReasonTimeout},
		"may be the end of a worker":                 {"exit 3", ReasonCrash},
		"may be that it wants to be replaced":        {"stop", ReasonRestart},
	} {
		t.Run(name, func(t *testing.T) {
			config, g, file := steady(1), newGate(t), journal(t)
			config.RequestTimeout = 2 * time.Second
			mark := filepath.Join(t.TempDir(), "done")
			behind := five(file)
			behind[0] = repeatable("note "+file+"; the-second-time "+mark+" "+c.then+"; answer", "behind 0")
			p, r := stuck(t, config, "visit "+g.path+"; answer front", 2, behind[:2]...)
			v := g.next(t)
			answered(t, r[1:], file)
			v.release()
			if got := receive(t, r[0]).body(t); got != "front" {
				t.Errorf("the front was answered with %q", got)
			}
			if c.reason != "" {
				booked(t, p, 1, c.reason)
				load(t, p, 4, 20, "answer")
			} else {
				twice(t, p, 2, file)
			}
		})
	}
}

// A worker that has not answered the front goes on to requests that are answered
// elsewhere.
func TestAFrontThatIsPassedOverGetsNoneOfTheAnswersBehind(t *testing.T) {
	g, file := newGate(t), journal(t)
	p, r := stuck(t, steady(1), "visit "+g.path, 2, five(file)[:2]...)
	v := g.next(t)
	answered(t, r[1:], file)
	v.release()
	if err := receive(t, r[0]).err; err == nil || !strings.Contains(err.Error(), "without having answered") {
		t.Errorf("the front ended with %v", err)
	}
	booked(t, p, 1, ReasonRestart)
	load(t, p, 4, 20, "answer")
}

func TestARequestThatMustNotBeRepeatedWaitsForALongOne(t *testing.T) {
	g, file := newGate(t), journal(t)
	p, r := stuck(t, steady(1), "visit "+g.path+"; answer front", 1, script("note "+file+"; answer", "behind 0"))
	v, begin := g.next(t), time.Now()
	eventually(t, "the front takes long", func() bool { return time.Since(begin) > tooLong+10*queueTick })
	v.release()
	receive(t, r[0]).body(t)
	if n := answered(t, r[1:], file); n != 1 {
		t.Errorf("the request was carried out %d times", n)
	}
	if s := p.Stats(); len(s.Restarts) != 0 {
		t.Errorf("workers ended: %v", s.Restarts)
	}
}
