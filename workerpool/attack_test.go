package workerpool

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/launch"
)

// hasten makes any turn one that takes too long.
func hasten(p *Pool) {
	p.mu.Lock()
	p.pace.tooLong = time.Millisecond
	p.mu.Unlock()
	p.wake()
}

// A client that has gone while its request lay behind another one: that request is not begun
// elsewhere.
func TestARequestThatIsLeftIsNotBegunElsewhereForAClientThatHasGone(t *testing.T) {
	p, g, file := start(t, steady(1)), newGate(t), journal(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := lineUp(t, ctx, p, script("answer front; visit "+g.path), repeatable("note "+file+"; answer", "behind"), false)
	v := g.next(t) // at work after its answer
	receive(t, r.front).body(t)
	if err := p.Scale(2, 2); err != nil {
		t.Fatal(err)
	}
	receive(t, r.last).body(t)
	all(t, p, 1)
	cancel()
	hasten(p)
	if got := receive(t, r.behind); !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v", got.err)
		if got.err == nil {
			got.turn.Close()
		}
	}
	if n := entriesOf(t, file)["behind"]; n != 0 {
		t.Errorf("it was carried out %d times for nobody", n)
	}
	v.release()
}

// noticed is a conversation that tells when it is broken. What a turn has read of the configuration when it sends a request it has
// read before who has the lock of the pool next.
type noticed struct {
	launch.Link
	pool   *Pool
	broken chan<- struct{} // room for one
}

func (n *noticed) Send(request []byte, body io.Reader, size int64) (uint32, error) {
	n.pool.mu.Lock()
	n.pool.mu.Unlock()
	return n.Link.Send(request, body, size)
}

func (n *noticed) Break() {
	n.Link.Break()
	select {
	case n.broken <- struct{}{}:
	default:
	}
}

// The time limit of a request ends just when its reading has been interrupted for the sake of
// those behind it.
func TestATimeLimitIsNotTakenBackWithAnInterruption(t *testing.T) {
	p, file, broken := start(t, steady(1)), journal(t), make(chan struct{}, 1)
	limit := func(d time.Duration) { p.config.RequestTimeout = d }
	p.mu.Lock()
	for w := range p.workers {
		w.link = &noticed{w.link, p, broken}
	}
	p.mu.Unlock()
	r := lineUp(t, t.Context(), p, script("block"), repeatable("note "+file+"; answer", "behind"), false, func() {
		p.mu.Lock()
		limit(time.Second) // of the front
		p.mu.Unlock()
	})
	p.mu.Lock()
	for w := range p.workers {
		if len(w.ahead) > 0 {
			w.interrupted = w.link.Interrupt()
		}
	}
	select {
	case <-broken: // while its turn waits for the lock
	case <-time.After(patience):
		t.Error("the limit of the front does not end")
	}
	limit(0)
	p.mu.Unlock()
	select {
	case got := <-r.front:
		if !errors.Is(got.err, ErrTimeout) {
			t.Errorf("the front ended with %v", got.err)
		}
	case <-time.After(patience):
		t.Error("the front has no time limit any more")
		for pid := range pids(p) {
			_ = p.Retire(pid, true)
		}
		receive(t, r.front)
	}
	once(t, r, file)
}

// A request that ends every worker, and that one worker has been sent ahead.
func TestARequestThatWasLeftEndsNoThirdWorker(t *testing.T) {
	p, g, deadly := start(t, steady(1)), newGate(t), newGate(t)
	r := lineUp(t, t.Context(), p, script("visit "+g.path+"; answer front"), repeatable("call "+deadly.path+"; exit 3"), false)
	v := g.next(t)
	hasten(p)
	eventually(t, "the request behind is left", func() bool { return p.Stats().Left > 0 })
	if err := p.Scale(3, 3); err != nil {
		t.Fatal(err)
	}
	as[*WorkerError](t, receive(t, r.behind).err)
	v.release() // the first one comes to it now
	receive(t, r.front).body(t)
	for range 2 {
		deadly.next(t)
	}
	_ = deadly.l.SetDeadline(time.Now().Add(2 * time.Second))
	if c, err := deadly.l.Accept(); err == nil {
		c.Close()
		t.Error("a third worker was ended by one request")
	}
	receive(t, r.last).body(t)
}

// An error frame that is too large to be read at once, and others wait behind it.
func TestALargeErrorFrameIsReadOnWhenItsReadingIsInterrupted(t *testing.T) {
	c := steady(1)
	c.MaxInMemory = 1000
	p, logs := startLogged(t, c)
	g, file := newGate(t), journal(t)
	head := string(goridge.AppendHeader(nil, &goridge.Header{Flags: goridge.FlagError, PayloadLen: 3000}))
	if strings.Contains(head, ";") {
		t.Fatal("another length is needed")
	}
	front := script("raw " + head + strings.Repeat("a", 2000) + "; visit " + g.path + "; raw " + strings.Repeat("b", 998))
	r := lineUp(t, t.Context(), p, front, repeatable("note "+file+"; answer", "behind"), false)
	v := g.next(t)
	<-time.After(50 * time.Millisecond)
	hasten(p)
	<-time.After(100 * time.Millisecond)
	v.release()
	soft := as[*SoftError](t, receive(t, r.front).err)
	if len(soft.Text) != 3000 {
		t.Errorf("it has %d bytes", len(soft.Text))
	}
	timesBehind(t, r, file)
	if n := logs.FilterMessage("worker ready").Len(); n != 1 {
		t.Errorf("%d workers were needed; the first has done nothing wrong", n)
	}
}

// The same, without anybody behind: the time limit holds within it.
func TestTheTimeLimitHoldsWithinALargeErrorFrame(t *testing.T) {
	c := steady(1)
	c.MaxInMemory, c.RequestTimeout = 1000, 300*time.Millisecond
	p := start(t, c)
	head := string(goridge.AppendHeader(nil, &goridge.Header{Flags: goridge.FlagError, PayloadLen: 3000}))
	r := send(p, t.Context(), script("raw "+head+strings.Repeat("a", 2000)+"; block"))
	select {
	case got := <-r:
		if !errors.Is(got.err, ErrTimeout) {
			t.Errorf("got %v", got.err)
		}
	case <-time.After(patience):
		t.Error("nothing came")
		for pid := range pids(p) {
			_ = p.Retire(pid, true)
		}
		receive(t, r)
	}
}

// The supervisor looks on while a turn that it has interrupted has not felt that yet: the next
// turn needs it as well.
func TestTheSupervisorLooksOnAfterAnInterruption(t *testing.T) {
	p, g, file := start(t, steady(1)), newGate(t), journal(t)
	r := lineUp(t, t.Context(), p, script("visit "+g.path+"; answer front"), repeatable("note "+file+"; answer", "behind"), false)
	v := g.next(t)
	p.mu.Lock()
	for w := range p.workers {
		w.interrupted = true // and its turn has not been scheduled since
	}
	if !p.interruptLong(time.Now()) {
		t.Error("nobody looks after those who wait behind it any more")
	}
	p.mu.Unlock()
	v.release()
	receive(t, r.front).body(t)
	once(t, r, file)
}

// A stream whose end never comes, of a client that has dropped the pid frame behind its request.
func TestAStreamThatIsNeverEndedGetsNoOthersAnswer(t *testing.T) {
	p := start(t, steady(1))
	r := lineUp(t, t.Context(), p, script("ping 1; skip"), repeatable("answer", "behind"), true)
	got := receive(t, r.front)
	if got.err != nil {
		t.Fatal(got.err)
	}
	for got.err == nil {
		if body := string(got.turn.Frame.Body()); body != "1" {
			t.Errorf("the client of the stream got %q", body)
		}
		got.err = got.turn.Next()
	}
	got.turn.Close()
	timesBehind(t, r, journal(t))
}
