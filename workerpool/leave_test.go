package workerpool

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// What PHP has read together with the front, and may be repeated, does not wait for it
// for long.

// stuck is a new pool's only worker at a front, which has read n requests behind it, and
// room for another worker.
func stuck(t *testing.T, c Config, front string, n int, behind ...*Request) (p *Pool, results []<-chan result) {
	t.Helper()
	p = start(t, c)
	results = rowOf(t, p, true, n, append([]*Request{script(front)}, behind...)...)
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
	p.mu.Lock()
	for w := range p.workers {
		if w.held {
			t.Error("a worker is not idle")
		} else if w.abandoned != 0 || w.doubt != 0 {
			t.Errorf("%d answers and %d pid frames are still to be dropped", w.abandoned, w.doubt)
		}
	}
	p.mu.Unlock()
	if s := p.Stats(); len(s.Restarts) != 0 {
		t.Errorf("workers ended: %v", s.Restarts)
	}
}

func TestRequestsBehindALongOneAreRepeatedElsewhere(t *testing.T) {
	for _, n := range []int{1, 5} {
		g, file := newGate(t), journal(t)
		p, r := stuck(t, steady(1), "visit "+g.path+"; answer front", n, five(file)[:n]...)
		p.mu.Lock()
		p.pace.long = longTurn
		p.mu.Unlock()
		v := g.next(t)
		answered(t, r[1:], file)
		p.mu.Lock()
		if p.pace.even() {
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

func TestRequestsBehindALargeAnswerAreRepeatedElsewhere(t *testing.T) {
	for _, n := range []int{1, 5} {
		c, file := steady(1), journal(t)
		c.MaxInMemory = 1000
		p, r := stuck(t, c, "big 300000", n, five(file)[:n]...)
		front, begin := receive(t, r[0]), time.Now() // and nobody reads its rest
		if front.err != nil {
			t.Fatal(front.err)
		}
		answered(t, r[1:], file)
		eventually(t, "the client has been slow", func() bool { return time.Since(begin) > tooLong+10*queueTick })
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

// A front that takes long is interrupted; PHP has read it, and a part of what lies behind.
func TestAFrontIsInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		settled, answered bool
		left              bool
	}{
		"and its line is left":                          {settled: true, left: true},
		"when its answer has come meanwhile":            {settled: true, answered: true},
		"and once more while it may not have begun yet": {},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := newPool(Config{Command: []string{"none"}}, zap.NewNop(), Events{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			pipe := func() (r, w *os.File) {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { r.Close(); w.Close() })
				return r, w
			}
			theirs, requests := pipe()
			answers, theirAnswers := pipe()
			w := &worker{settled: c.settled, nudged: true, nudgedAgain: true, conn: goridge.NewConn(answers, requests, goridge.Options{}),
				child: &child{chosen: &candidate{tap: openTap(theirs), writer: requests, reader: answers}}}
			t.Cleanup(w.child.chosen.tap.close)
			turn := &Turn{pool: p, worker: w, start: time.Now()}
			turn.sent, _ = requests.WriteString("front")
			behind := &waiter{repeatable: true, ahead: []byte("behind the front"), outcome: make(chan outcome, 1)}
			behind.sent, _ = requests.Write(behind.ahead)
			w.line = append(w.line, behind)
			if _, err := io.ReadFull(theirs, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			if c.answered {
				_, _ = theirAnswers.WriteString("answer")
			}
			if err := turn.nudged(); err != nil {
				t.Fatal(err)
			}
			if left := len(w.line) == 0 && p.queue.head == behind; left != c.left {
				t.Errorf("the line was left: %v", left)
			}
			if c.left && behind.ahead != nil {
				t.Error("it may be left again")
			}
			if c.left && w.child.unread(w.alsoSent(turn.sent)) {
				t.Error("the front counts as unread")
			}
			if w.nudged != c.settled && !c.left {
				t.Errorf("it has been interrupted enough: %v", w.nudged)
			}
		})
	}
}

// A request behind an answer that breaks off while its client does not read has been
// carried out, for all that we know.
func TestARequestBehindALargeAnswerThatBreaksOffIsNotCarriedOutTwice(t *testing.T) {
	c, file := steady(1), journal(t)
	c.MaxInMemory, c.StopTimeout = 1000, 200*time.Millisecond
	p := start(t, c)
	r := lineUp(t, t.Context(), p, script("big 30000"), script("note "+file+"; answer", "behind"), true)
	front := receive(t, r.front)
	if front.err != nil {
		t.Fatal(front.err)
	}
	eventually(t, "the worker carries out the request behind", func() bool { return entriesOf(t, file)["behind"] > 0 })
	front.turn.Cancel()
	eventually(t, "its answer is given up", front.turn.expired.Load)
	front.turn.Close()
	if got := receive(t, r.behind); got.err == nil {
		got.turn.Close()
	}
	receive(t, r.last).body(t)
	if n := entriesOf(t, file)["behind"]; n != 1 {
		t.Errorf("the request behind was carried out %d times", n)
	}
}
