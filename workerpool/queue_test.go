package workerpool

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func queued(t *testing.T, p *Pool, n int) {
	t.Helper()
	eventually(t, strconv.Itoa(n)+" requests wait", func() bool { return p.Stats().Queue == n })
}

// drains returns when the pool has begun to close.
func drains(t *testing.T, p *Pool) {
	t.Helper()
	eventually(t, "the pool drains", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.state == poolDraining
	})
}

func TestWaitingRequestsAreServedInTheOrderTheyCame(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	first := send(p, t.Context(), script("visit "+g.path+"; count"))
	v := g.next(t)
	var waiting []<-chan result
	for i := range 5 {
		waiting = append(waiting, send(p, t.Context(), script("count")))
		queued(t, p, i+1)
	}
	v.release()
	if got := receive(t, first).body(t); got != "1" {
		t.Errorf("the first request was number %s", got)
	}
	for i, c := range waiting {
		if got := receive(t, c).body(t); got != strconv.Itoa(i+2) {
			t.Errorf("waiting request %d was number %s at the worker", i+1, got)
		}
	}
}

func TestTheWorkerUsedLastIsUsedNext(t *testing.T) {
	p, g := start(t, self(3)), newGate(t)
	last := ""
	for range 10 {
		got := ask(t, p, "pid; then call "+g.path)
		g.next(t) // now the worker asks for its next request
		if last != "" && got != last {
			t.Fatalf("worker %s was used after %s, which was free", got, last)
		}
		last = got
	}
}

func TestAFullQueueTurnsRequestsAwayAtOnceAndRecovers(t *testing.T) {
	c := self(1)
	c.QueueSize = 1
	p, g := start(t, c), newGate(t)
	var told []Rejection
	p.events.Rejected = func(r Rejection) { told = append(told, r) }
	busy := send(p, t.Context(), script("visit "+g.path+"; answer"))
	v := g.next(t)
	waiting := send(p, t.Context(), script("answer"))
	queued(t, p, 1)

	if _, err := p.Exec(t.Context(), script("answer")); !errors.Is(err, ErrQueueFull) {
		t.Errorf("got %v; want ErrQueueFull", err)
	}
	if s := p.Stats(); s.QueueFull != 1 || s.Queue != 1 {
		t.Errorf("counted %d requests turned away and %d waiting; want one of each", s.QueueFull, s.Queue)
	}
	if len(told) != 1 || told[0] != RejectedQueueFull {
		t.Errorf("told of %v", told)
	}
	v.release()
	receive(t, busy).body(t)
	receive(t, waiting).body(t)
	if got := ask(t, p, "answer", "after"); got != "after" {
		t.Errorf("got %q after the queue was full", got)
	}
}

func TestACanceledRequestLeavesTheQueue(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	busy := send(p, t.Context(), script("visit "+g.path+"; answer"))
	v := g.next(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := send(p, ctx, script("count"))
	queued(t, p, 1)
	behind := send(p, t.Context(), script("count"))
	queued(t, p, 2)

	wentAway := errors.New("the client went away")
	cancel(wentAway)
	if r := receive(t, gone); r.err != wentAway {
		t.Errorf("got %v; want the cause of the context", r.err)
	}
	queued(t, p, 1)
	v.release()
	receive(t, busy).body(t)
	if got := receive(t, behind).body(t); got != "2" {
		t.Errorf("the request behind was number %s at the worker; the canceled one was sent, too", got)
	}
}

func TestACanceledRequestThatJustGotAWorkerGivesItBack(t *testing.T) {
	p := start(t, self(2))
	p.mu.Lock() // play the worker that comes free at the very moment
	for len(p.idle) > 0 {
		p.takeIdle()
	}
	var taken []*worker
	for w := range p.workers {
		taken = append(taken, w)
	}
	p.mu.Unlock()
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		r := send(p, ctx, script("answer"))
		queued(t, p, 1)
		p.mu.Lock()
		cancel()
		wt := p.queue.pop()
		if wt != nil {
			wt.outcome <- outcome{w: taken[0]}
		}
		p.mu.Unlock()
		got := receive(t, r)
		if wt == nil {
			t.Fatal("the canceled request left the queue while the lock was held")
		}
		if got.err == nil { // the worker was there first
			got.body(t)
		} else if !errors.Is(got.err, context.Canceled) {
			t.Fatal(got.err)
		}
		eventually(t, "the worker is idle again", func() bool { return inState(p, StateIdle) == 1 })
		p.mu.Lock()
		if p.inflight != 2-1 {
			t.Fatalf("%d turns are taken; want one", p.inflight)
		}
		taken[0] = p.takeIdle()
		p.mu.Unlock()
	}
	for _, w := range taken {
		p.giveBack(w)
	}
	all(t, p, 2)
}

func TestARequestDoesNotWaitForAPoolThatWasClosedMeanwhile(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	ask(t, p, "answer; error stray; hang-up; visit "+g.path)
	g.next(t)
	// The request finds the worker idle and learns that it is of no use. The
	// pool begins to close at that very moment, and has nothing else to wait for.
	closed := make(chan error, 1)
	p.SetLogger(zap.New(zapcore.NewNopCore(), zap.WrapCore(func(zapcore.Core) zapcore.Core {
		core, _ := observer.New(zap.WarnLevel)
		return zapcore.RegisterHooks(core, func(e zapcore.Entry) error {
			if strings.HasPrefix(e.Message, "dropped") {
				go func() { closed <- p.Close(context.Background()) }()
				drains(t, p)
			}
			return nil
		})
	})))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := p.Exec(ctx, script("answer")); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v; want ErrClosed", err)
	}
	if err := receive(t, closed); err != nil {
		t.Error(err)
	}
}

func TestTheQueueIsAListThatForgetsNobody(t *testing.T) {
	var q queue
	a, b, c, front := &waiter{}, &waiter{}, &waiter{}, &waiter{}
	for _, w := range []*waiter{a, b, c} {
		q.push(w)
	}
	q.pushFront(front)
	if q.length() != 4 {
		t.Fatalf("length %d after four came", q.length())
	}
	if !q.remove(b) || q.remove(b) {
		t.Error("one in the middle must leave exactly once")
	}
	for i, want := range []*waiter{front, a, c, nil} {
		if got := q.pop(); got != want {
			t.Errorf("number %d is not who came then", i)
		}
	}
	if q.length() != 0 || q.head != nil || q.tail != nil {
		t.Error("an empty queue still holds on to somebody")
	}
	q.pushFront(a)
	q.push(b)
	if !q.remove(b) || q.pop() != a || q.pop() != nil {
		t.Error("the last one left, and the first one is lost")
	}
}
