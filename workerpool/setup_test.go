package workerpool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/budget"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// patience is how long a test waits for what has to happen. No test takes so
// long unless it fails.
const patience = 20 * time.Second

// self is a pool of n re-executed test binaries.
func self(n int) Config {
	return Config{
		Name: "test", Command: []string{player}, Min: n, Max: n,
		// The race detector would have a process linger for a second.
		Env:         map[string]string{roleEnv: "worker", "GORACE": "atexit_sleep_ms=0"},
		StopTimeout: 4 * time.Second,
		Budget:      budget.New(1<<30, new(atomic.Int64)),
	}
}

// start starts a pool and ends it with the test: then nothing may be left.
func start(t testing.TB, c Config) *Pool {
	t.Helper()
	p, _ := startLogged(t, c)
	return p
}

func startLogged(t testing.TB, c Config) (*Pool, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	p, err := New(c, zap.New(core), Events{})
	if err != nil {
		t.Fatal(err)
	}
	t.TempDir() // the first call of a test: its files are removed when the pool has ended, which may write some
	t.Cleanup(func() { end(t, p) })
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	all(t, p, p.Config().Min)
	return p, logs
}

// all waits until n workers are idle.
func all(t testing.TB, p *Pool, n int) {
	t.Helper()
	eventually(t, "all workers are ready", func() bool { return inState(p, StateIdle) == n })
}

// end closes the pool and proves that its books are balanced.
func end(t testing.TB, p *Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.Close(ctx)
	balanced(t, p)
}

// balanced proves that a closed pool has given everything back.
func balanced(t testing.TB, p *Pool) {
	t.Helper()
	eventually(t, "no turn is taken any more", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.inflight == 0
	})
	if b := p.config.Budget; b != nil {
		eventually(t, "no answer is in memory any more", func() bool { return b.Held() == 0 })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.workers) != 0 || len(p.idle) != 0 || p.queue.length() != 0 {
		t.Errorf("a closed pool still has %d workers, %d of them idle, and %d waiting requests",
			len(p.workers), len(p.idle), p.queue.length())
	}
}

func inState(p *Pool, s State) (n int) {
	if err := invariants(p); err != nil {
		panic(err)
	}
	for _, w := range p.Stats().Workers {
		if w.State == s {
			n++
		}
	}
	return n
}

// booked waits until n workers have ended, and proves that it was for that reason.
func booked(t testing.TB, p *Pool, n int64, reason Reason) {
	t.Helper()
	var all map[Reason]int64
	eventually(t, "workers are booked as ended", func() bool {
		all = p.Stats().Restarts
		sum := int64(0)
		for _, n := range all {
			sum += n
		}
		return sum >= n
	})
	if len(all) != 1 || all[reason] != n {
		t.Errorf("the ends of workers are booked as %v; want %d for %s", all, n, reason)
	}
}

// pids are the processes of the pool. A worker that has none yet is left out: a signal to process 0
// would reach the group of the tests, and whoever has started them.
func pids(p *Pool) map[int]bool {
	m := make(map[int]bool)
	for _, w := range p.Stats().Workers {
		if w.PID != 0 {
			m[w.PID] = true
		}
	}
	return m
}

// script is a request that makes the worker take the steps.
func script(steps string, body ...string) *Request {
	b := strings.Join(body, "")
	return &Request{Frame: append(frame(steps, len(b)), b...)}
}

// frame is the beginning of a request, to be followed by size bytes of body.
func frame(steps string, size int) []byte {
	f := append(goridge.BeginRequest(nil), steps...)
	goridge.FinishRequest(f, 0, goridge.CodecJSON, len(steps), size)
	return f
}

// probeSize is the length of a pid frame.
var probeSize = len(goridge.AppendControlPID(nil, os.Getpid()))

// wireSize is how many bytes are sent of a request to a worker that does not number answers.
func wireSize(r *Request) int { return goridge.RequestSize(r.Frame, false) + probeSize }

// bytesInPipe is how many bytes of its requests the worker has not read.
func bytesInPipe(w *worker) int { return w.link.(*link.Link).InPipe() }

// ask sends the steps and returns the body of the answer. Clients in goroutines may
// call it: a failure does not end the test.
func ask(t testing.TB, p *Pool, steps string, body ...string) string {
	t.Helper()
	turn, err := p.Exec(t.Context(), script(steps, body...))
	if err != nil {
		t.Errorf("%q: %v", steps, err)
		return ""
	}
	return whole(t, turn)
}

// whole reads an answer to its end and closes its turn.
func whole(t testing.TB, turn *Turn) string {
	t.Helper()
	defer turn.Close()
	var b strings.Builder
	for {
		b.Write(turn.Frame.Body())
		if _, err := io.Copy(&b, &turn.Frame); err != nil {
			t.Errorf("reading an answer: %v", err)
			return b.String()
		}
		if err := turn.Next(); err == io.EOF {
			return b.String()
		} else if err != nil {
			t.Errorf("reading an answer: %v", err)
			return b.String()
		}
	}
}

// result is the outcome of a request sent in the background.
type result struct {
	turn *Turn
	err  error
}

// send does Exec in the background.
func send(p *Pool, ctx context.Context, req *Request) <-chan result {
	c := make(chan result, 1)
	go func() {
		turn, err := p.Exec(ctx, req)
		c <- result{turn, err}
	}()
	return c
}

func receive[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("nothing came in time")
	}
	return v
}

func (r result) body(t testing.TB) string {
	t.Helper()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return whole(t, r.turn)
}

func as[E error](t testing.TB, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("got %v, a %T; want a %T", err, err, e)
	}
	return e
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// gate is where processes report, and wait until the test lets them go.
type gate struct {
	path string
	l    *net.UnixListener
}

func newGate(t testing.TB) *gate {
	t.Helper()
	dir, err := os.MkdirTemp("", "wp") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "g")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	return &gate{path, l}
}

// visitor is a process at a gate.
type visitor struct {
	pid  int
	conn net.Conn
}

// next waits for the next process to arrive.
func (g *gate) next(t testing.TB) *visitor {
	t.Helper()
	_ = g.l.SetDeadline(time.Now().Add(patience))
	c, err := g.l.Accept()
	if err != nil {
		t.Fatalf("nobody came to the gate: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{pid, c}
}

// none proves that nobody has arrived whom next has not returned.
func (g *gate) none(t testing.TB) {
	t.Helper()
	_ = g.l.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if c, err := g.l.Accept(); err == nil {
		c.Close()
		t.Error("somebody came to the gate who should not")
	}
}

// release lets the process go on.
func (v *visitor) release() { _, _ = v.conn.Write([]byte("g")) }

// dies proves that the process ends within the limit.
func (v *visitor) dies(t testing.TB, limit time.Duration) {
	t.Helper()
	_ = v.conn.SetReadDeadline(time.Now().Add(limit))
	if _, err := v.conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("process %d is still there after %s", v.pid, limit)
	}
}

// invariants says which of those in doc.go does not hold.
func invariants(p *Pool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := make(map[*worker]bool)
	for _, w := range p.idle {
		if idle[w] || w.phase != serving || w.turn != noTurn {
			return fmt.Errorf("a worker of phase %d and turn %d is idle", w.phase, w.turn)
		}
		idle[w] = true
	}
	turns := 0
	for w := range p.workers {
		switch {
		case w.phase == gone:
			return errors.New("a worker that is gone is in the list")
		case w.phase == booting && w.turn != noTurn:
			return errors.New("somebody has a turn at a worker that boots")
		case w.phase == retiring && w.turn == noTurn:
			return errors.New("a worker retires, and nobody has a turn at it")
		case w.phase == serving && w.turn == noTurn && !idle[w]:
			return errors.New("a worker without a turn is not among the idle ones")
		}
		if w.turn != noTurn {
			turns++
		}
	}
	if turns > p.inflight {
		return fmt.Errorf("%d turns, and %d requests in flight", turns, p.inflight)
	}
	return nil
}
