package workerpool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// calm makes the pool forget why it sends nothing ahead, and call any turn short.
func calm(p *Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace.short, p.pace.long, p.pace.tooLong = time.Hour, time.Hour, time.Hour
	p.pace.unsteadyFor, p.pace.streamedFor, p.pace.longShare, p.pace.behind = 0, 0, 0, 1
}

// steady is self of workers that settle, however slow the machine is.
func steady(n int) Config {
	c := self(n)
	c.readyWithin = time.Minute
	return c
}

// row is a front, the request sent behind it, and one that waits in the queue.
type row struct{ front, behind, last <-chan result }

// occupy has the only worker that serves work at a request until v is let go, and with
// pause wait once more at the gate before it reads the next one.
func occupy(t *testing.T, p *Pool, pause bool) (first <-chan result, g *gate, v *visitor) {
	t.Helper()
	g = newGate(t)
	steps := "visit " + g.path + "; answer"
	if pause {
		steps += "; then visit " + g.path
	}
	first = send(p, t.Context(), script(steps))
	return first, g, g.next(t)
}

// lineUp lets next, whose client has ctx, be sent behind front, to the only worker that serves. With
// together the worker finds both in its pipe when it reads the front. ready is called when all wait.
func lineUp(t *testing.T, ctx context.Context, p *Pool, front, next *Request, together bool, ready ...func()) (r row) {
	t.Helper()
	calm(p)
	first, g, v := occupy(t, p, together)
	ahead := p.Stats().Ahead
	size := wireSize(front) + wireSize(next)
	r.front = send(p, t.Context(), front)
	queued(t, p, 1)
	r.behind = send(p, ctx, next)
	queued(t, p, 2)
	r.last = send(p, t.Context(), script("answer", "last"))
	queued(t, p, 3)
	for _, call := range ready {
		call()
	}
	v.release()
	if together {
		v = g.next(t)
		eventually(t, "both requests lie in the pipe", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			for w := range p.workers {
				if len(w.ahead) > 0 {
					return bytesInPipe(w) >= size
				}
			}
			return false
		})
		v.release()
	}
	eventually(t, "the second request is sent ahead", func() bool { return p.Stats().Ahead > ahead })
	receive(t, first).body(t)
	return r
}

// journal is a folder in which workers enter what they carry out.
func journal(t *testing.T) string { return filepath.Join(t.TempDir(), "journal") }

// entriesOf counts what note has entered in the journal dir.
func entriesOf(t *testing.T, dir string) map[string]int {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	n := make(map[string]int)
	for _, file := range files {
		entry, _, _ := strings.Cut(file.Name(), "@")
		n[entry]++
	}
	return n
}

// once proves that the request behind was answered, and was carried out once.
func once(t *testing.T, r row, file string) {
	t.Helper()
	if n := timesBehind(t, r, file); n != 1 {
		t.Errorf("the request behind was carried out %d times", n)
	}
}

// timesBehind proves that the request behind was answered, and returns how often it was
// carried out.
func timesBehind(t *testing.T, r row, file string) int {
	t.Helper()
	if got := receive(t, r.behind).body(t); got != "behind" {
		t.Errorf("the request behind was answered with %q", got)
	}
	if got := receive(t, r.last).body(t); got != "last" {
		t.Errorf("the last request was answered with %q", got)
	}
	return entriesOf(t, file)["behind"]
}

func TestARequestSentAheadIsAnswered(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprint("together ", together), func(t *testing.T) {
			p, g, file := start(t, steady(1)), newGate(t), journal(t)
			r := lineUp(t, t.Context(), p, script("visit "+g.path+"; answer front"), repeatable("note "+file+"; answer", "behind"), together)
			g.next(t).release()
			if got := receive(t, r.front).body(t); got != "front" {
				t.Errorf("the front was answered with %q", got)
			}
			once(t, r, file)
		})
	}
}

func TestARequestSentAheadSurvivesTheEndOfItsWorker(t *testing.T) {
	for _, together := range []bool{false, true} {
		for _, last := range []string{"exit 3", "kill 9", "kill 11", "raw nonsense that is no frame at all; exit 0", "chunk half an answer; exit 4", "hang-up"} {
			t.Run(fmt.Sprint(last, ", together ", together), func(t *testing.T) {
				p, g, file := start(t, steady(1)), newGate(t), journal(t)
				next := repeatable("note "+file+"; answer", "behind")
				r := lineUp(t, t.Context(), p, script("visit "+g.path+"; note "+file+"; "+last, "front"), next, together)
				g.next(t).release()
				got := receive(t, r.front)
				if got.err == nil {
					got.turn.Close()
				} else if lost := as[*WorkerError](t, got.err); lost.Unread {
					t.Error("the front counts as unread")
				}
				// Who babbles may have gone on, and so may a client that drops what it finds.
				most := 1
				if strings.HasPrefix(last, "raw") || strings.HasPrefix(last, "chunk") {
					most = 2
				}
				if n := timesBehind(t, r, file); n < 1 || n > most {
					t.Errorf("the request behind was carried out %d times", n)
				}
				if n := entriesOf(t, file)["front"]; n != 1 {
					t.Errorf("the front was carried out %d times", n)
				}
			})
		}
	}
}

func TestARequestSentAheadOfOneThatTakesTooLongIsCarriedOutElsewhere(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprint("together ", together), func(t *testing.T) {
			c, file := steady(1), journal(t)
			c.RequestTimeout = 2 * time.Second // also for those that line up
			p := start(t, c)
			r := lineUp(t, t.Context(), p, script("block"), repeatable("note "+file+"; answer", "behind"), together)
			if err := receive(t, r.front).err; !errors.Is(err, ErrTimeout) {
				t.Errorf("the front ended with %v", err)
			}
			once(t, r, file)
		})
	}
}

func TestARequestBehindAStream(t *testing.T) {
	for name, stream := range map[string]string{
		"is not dropped by a client that skips what it finds": "chunks 30",
		"is answered where the client leaves it alone":        "chunk 1; chunk 2; answer 3",
		"is not lost with a stream that breaks off":           "chunk 1; exit 3",
	} {
		t.Run(name, func(t *testing.T) {
			p, file := start(t, steady(1)), journal(t)
			r := lineUp(t, t.Context(), p, script(stream), repeatable("note "+file+"; answer", "behind"), true)
			got := receive(t, r.front)
			if got.err != nil {
				t.Fatal(got.err)
			}
			for got.err == nil {
				got.err = got.turn.Next()
			}
			got.turn.Close()
			if n := timesBehind(t, r, file); n < 1 || n > 2 {
				t.Errorf("the request behind was carried out %d times", n)
			}
		})
	}
}

// load sends requests from several clients, and proves that each gets its answer.
func load(t *testing.T, p *Pool, clients, each int, steps string) {
	t.Helper()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprint(client, ".", i)
				turn, err := p.Exec(t.Context(), repeatable(steps, id))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				if got := string(turn.Frame.Body()); got != id {
					t.Errorf("%s was answered with %q", id, got)
				}
				turn.Close()
			}
		})
	}
	wg.Wait()
}

func TestStraysNeverReachARequestThatWasSentAhead(t *testing.T) {
	for name, allow := range map[string]func(*Pool){"one": calm, "several": deep} {
		t.Run(name, func(t *testing.T) {
			p := start(t, steady(2))
			for range 20 {
				allow(p)
				load(t, p, 24, 40, "answer; sometimes-late")
				if p.Stats().Ahead > 500 {
					return
				}
			}
			t.Errorf("only %d requests were sent ahead", p.Stats().Ahead)
		})
	}
}

func TestAnAnswerThatNeverCameIsNotReplacedByTheNextOnes(t *testing.T) {
	p, logs := startLogged(t, steady(1))
	file := journal(t)
	r := lineUp(t, t.Context(), p, script("note "+file, "front"), repeatable("note "+file+"; answer", "behind"), true)
	got := receive(t, r.front)
	if !errors.Is(got.err, link.ErrPassedOver) {
		t.Errorf("got %v; want an error that says what the worker did", got.err)
	}
	if n := timesBehind(t, r, file); n < 1 || n > 2 {
		t.Errorf("the request behind was carried out %d times", n)
	}
	if n := logs.FilterMessage("worker ready").Len(); n != 2 {
		t.Errorf("%d workers were needed; the one that passes requests over has to be ended", n)
	}
}

func TestAClientThatLeavesWhileItsRequestIsSentAheadDisturbsNobody(t *testing.T) {
	p, g := start(t, steady(1)), newGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := lineUp(t, ctx, p, script("visit "+g.path+"; answer front"), repeatable("answer", "behind"), true)
	v := g.next(t)
	cancel()
	v.release()
	for want, c := range map[string]<-chan result{"front": r.front, "last": r.last} {
		if got := receive(t, c).body(t); got != want {
			t.Errorf("%s was answered with %q", want, got)
		}
	}
	if got := receive(t, r.behind); got.err == nil {
		if body := got.body(t); body != "behind" {
			t.Errorf("it was answered with %q", body)
		}
	} else if !errors.Is(got.err, context.Canceled) {
		t.Errorf("it ended with %v", got.err)
	}
}

// Whoever kills workers at any time loses at most the requests that they are at:
// no other request fails, and none is carried out twice.
func TestWorkersKilledAtAnyTimeLoseOnlyWhatTheyAreAt(t *testing.T) {
	for name, allow := range map[string]func(*Pool){"one": calm, "several": deep} {
		t.Run(name, func(t *testing.T) { killAtAnyTime(t, allow) })
	}
}

// killAtAnyTime kills workers of a pool to which allow has been done, in between as many requests as a machine
// at rest carries out meanwhile: on a busy one hardly any would come through. Every other client's requests may be
// repeated.
func killAtAnyTime(t *testing.T, allow func(*Pool)) {
	p, file := start(t, steady(2)), journal(t)
	const clients, each, between = 16, 500, 10
	var kills, lost atomic.Int64
	ended := make(chan struct{}, clients*each) // a token for each request
	var killer sync.WaitGroup
	killer.Go(func() {
		r := rand.New(rand.NewPCG(7, 7))
		for {
			for range between {
				if _, more := <-ended; !more {
					return
				}
			}
			<-time.After(time.Duration(2000+r.IntN(6000)) * time.Microsecond)
			allow(p)
			for _, w := range p.Stats().Workers {
				if w.State == StateBusy && r.IntN(2) == 0 && syscall.Kill(w.PID, syscall.SIGKILL) == nil {
					kills.Add(1)
					break
				}
			}
		}
	})
	answered := make([]map[string]bool, clients)
	var wg sync.WaitGroup
	for client := range clients {
		answered[client] = make(map[string]bool)
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprint(client, ".", i)
				req := script("note "+file+"; answer", id)
				req.Repeatable = client%2 == 0
				turn, err := p.Exec(t.Context(), req)
				var failed *WorkerError
				var unavailable *UnavailableError
				switch {
				case err == nil:
					if got := string(turn.Frame.Body()); got != id {
						t.Errorf("%s was answered with %q", id, got)
					}
					answered[client][id] = true
					turn.Close()
				case errors.As(err, &failed):
					lost.Add(1)
				case errors.As(err, &unavailable): // killed too fast for new ones to prove themselves
				default:
					t.Errorf("%s: %v", id, err)
				}
				ended <- struct{}{}
			}
		})
	}
	wg.Wait()
	close(ended)
	killer.Wait()
	done := entriesOf(t, file)
	for client := range clients {
		most := 1
		if client%2 == 0 {
			most = 2 // begun with when its worker was killed, and repeated once
		}
		for i := range each {
			id := fmt.Sprint(client, ".", i)
			if n := done[id]; n > most || n == 0 && answered[client][id] {
				t.Errorf("%s was carried out %d times; answered: %v", id, n, answered[client][id])
			}
		}
	}
	if lost.Load() > kills.Load() {
		t.Errorf("%d requests were lost with %d workers", lost.Load(), kills.Load())
	}
	if s := p.Stats(); kills.Load() < 20 || s.Ahead < 50 {
		t.Errorf("%d workers were killed, %d requests sent ahead: that proves little", kills.Load(), s.Ahead)
	}
}
