// The race detector of Go 1.26 crashes now and then in a bubble of
// testing/synctest (golang/go#78156), so tests of time run without it.

//go:build !race

package workerpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/launch"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// fakes launches workers that are goroutines, for tests of time: within a bubble
// of testing/synctest the clock stands still while anybody is at work.
type fakes struct {
	// boot tells how the nth start, counted from 1, goes; nil: well, at once.
	boot func(n int) fakeBoot
	// traits are AtOnce 2 unless they are set.
	traits launch.Traits
	// renew is what Renew does; nil: it returns the same launcher.
	renew func(context.Context) (launch.Launcher, error)

	mu      sync.Mutex
	closed  int
	started []time.Time
	all     []*fakeProcess
}

// fakeBoot is what one worker does before it asks for a request.
type fakeBoot struct {
	err  error // it never becomes a process
	dies bool  // it ends with exit status 1
	mute bool  // it never asks
	once bool  // it ends when it has answered one request
	// leaves: it ends as soon as it has asked.
	leaves bool
	wait   time.Duration // before it asks
}

// fakeProcess is a process for the pool.
type fakeProcess struct {
	pid    int
	offer  *link.Offer
	reader sync.WaitGroup
	done   chan struct{}
	once   sync.Once
	exit   string
	hangUp func()
	flush  func() // sends what it has written

	mu       sync.Mutex
	deaf     bool      // does not end at SIGTERM
	stopped  time.Time // stop frame
	asked    time.Time // SIGTERM
	killed   time.Time // SIGKILL
	timedUp  time.Time // asked where it is
	spins    time.Time // not zero while it uses CPU time
	spun     time.Duration
	requests []string // the bodies, and "stop" for an order to end a stream
}

func (f *fakeProcess) got(request string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, request)
}

func (f *fakeProcess) PID() int              { return f.pid }
func (f *fakeProcess) Done() <-chan struct{} { return f.done }
func (f *fakeProcess) Exit() (string, bool)  { return f.exit, f.exit == "exit status 0" }
func (f *fakeProcess) SetPHP(int)            {}

func (f *fakeProcess) Transcript() ([]string, string) { return nil, "" }
func (f *fakeProcess) Tail() []string                 { return nil }
func (f *fakeProcess) Close()                         { f.offer.Cancel() }

func (f *fakeProcess) Link(ctx context.Context) (launch.Link, error) {
	l, err := link.Handshake(ctx, []*link.Offer{f.offer}, f.done, f.reader.Go)
	if errors.Is(err, link.ErrEnded) {
		err = fmt.Errorf("%w (%s)", err, f.exit)
	}
	if err != nil {
		return nil, err // and no nil *link.Link, which would be one
	}
	return l, nil
}

func (f *fakeProcess) OutputDone() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		f.reader.Wait()
		close(done)
	}()
	return done
}

func (f *fakeProcess) end(exit string) {
	f.once.Do(func() {
		f.exit = exit
		f.hangUp()
		close(f.done)
	})
}

func (f *fakeProcess) Terminate() {
	f.mu.Lock()
	if f.asked.IsZero() {
		f.asked = time.Now()
	}
	deaf := f.deaf
	f.mu.Unlock()
	if !deaf {
		f.end("signal: terminated")
	}
}

func (f *fakeProcess) Kill() {
	f.mu.Lock()
	if f.killed.IsZero() {
		f.killed = time.Now()
	}
	f.mu.Unlock()
	f.end("signal: killed")
}

func (l *fakes) Renew(ctx context.Context, _ func() *zap.Logger, _ bool) (launch.Launcher, error) {
	if l.renew != nil {
		return l.renew(ctx)
	}
	return l, nil
}

func (l *fakes) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed++
}

func (l *fakes) Traits() launch.Traits {
	t := l.traits
	t.AtOnce = max(2, t.AtOnce)
	return t
}

// Launch starts a worker.
func (l *fakes) Launch(launch.Order) (launch.Worker, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = append(l.started, time.Now())
	var boot fakeBoot
	if l.boot != nil {
		boot = l.boot(len(l.started))
	}
	if boot.err != nil {
		return nil, boot.err
	}
	requests, answers := newFakePipe(), newFakePipe()
	f := &fakeProcess{pid: 1<<24 + len(l.started), done: make(chan struct{})} // no system has such a PID
	// Nobody can look into such a pipe without waiting, so the answer and the
	// pid frame behind it have to come at once.
	out := &heldWriter{fakePipe: answers}
	requests.idle = out.flush
	f.flush, f.hangUp = out.flush, func() { requests.Close(); out.flush(); answers.finish() }
	l.all = append(l.all, f)
	conn := goridge.NewConn(answers, requests, goridge.Options{MaxInMemory: DefaultMaxInMemory})
	f.offer = link.OnConn("fake", conn)
	go f.live(boot, goridge.NewConn(requests, out, goridge.Options{}))
	return f, nil
}

// launcher is for newPool.
func (l *fakes) launcher(launch.Settings) (launch.Launcher, error) { return l, nil }

func (f *fakeProcess) live(boot fakeBoot, conn *goridge.Conn) {
	select {
	case <-time.After(boot.wait):
	case <-f.done:
		return
	}
	if boot.dies {
		f.end("exit status 1")
		return
	}
	stopless := false
	for {
		var frame goridge.Frame
		if err := conn.ReadFrame(&frame); err != nil {
			f.end("exit status 0")
			return
		}
		switch {
		case frame.IsControl():
			var command struct{ Stop bool }
			_ = json.Unmarshal(frame.Payload, &command)
			switch {
			case command.Stop:
				f.mu.Lock()
				f.stopped = time.Now()
				f.mu.Unlock()
				if !stopless {
					f.end("exit status 0")
					return
				}
			case !boot.mute:
				_, _ = conn.Write(goridge.AppendControlPID(nil, f.pid))
				if boot.leaves {
					f.flush()
					<-time.After(time.Millisecond)
					f.end("exit status 0")
					return
				}
			}
		case frame.PayloadLen == 0:
			f.got("stop")
		default:
			f.got(string(frame.Body()))
			for step := range strings.SplitSeq(string(frame.Context()), ";") {
				verb, arg, _ := strings.Cut(strings.TrimSpace(step), " ")
				switch verb {
				case "answer":
					_, _ = conn.Write(dataFrame(0, string(frame.Body())))
				case "chunk":
					_, _ = conn.Write(dataFrame(goridge.StreamMore, "chunk"))
				case "stop":
					h := goridge.Header{Flags: goridge.CodecJSON, NumOptions: 1, Options: [goridge.MaxOptions]uint32{13}, PayloadLen: 13}
					_, _ = conn.Write(append(goridge.AppendHeader(nil, &h), `{"stop":true}`...))
				case "wait":
					d, _ := time.ParseDuration(arg)
					f.flush()
					select {
					case <-time.After(d):
					case <-f.done:
						return
					}
				case "spin":
					f.spin(arg != "off")
				case "exit":
					f.end("exit status " + arg)
					return
				case "deaf": // to everything but SIGKILL
					f.mu.Lock()
					stopless, f.deaf = true, true
					f.mu.Unlock()
				}
			}
			if boot.once {
				f.end("exit status 0")
				return
			}
		}
		frame.Release()
	}
}

func dataFrame(bits goridge.StreamBits, body string) []byte {
	h := goridge.Header{Flags: goridge.CodecJSON, Stream: bits, NumOptions: 1, PayloadLen: uint32(len(body))}
	return append(goridge.AppendHeader(nil, &h), body...)
}

// bubble runs a test of a pool of fakes in a bubble. The pool is started, and
// closed in the end.
func bubble(t *testing.T, c Config, boot func(int) fakeBoot, test func(*testing.T, *Pool, *fakes, *observer.ObservedLogs)) {
	t.Helper()
	bubbleOf(t, c, &fakes{boot: boot}, test)
}

// bubbleOf is bubble with a launcher.
func bubbleOf(t *testing.T, c Config, l *fakes, test func(*testing.T, *Pool, *fakes, *observer.ObservedLogs)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		c.Command = []string{"fake"}
		p, err := newPool(c, zap.New(core), Events{}, l.launcher)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		test(t, p, l, logs)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.inflight != 0 || len(p.workers) != 0 || p.queue.length() != 0 {
			t.Errorf("in the end there are %d turns, %d workers and %d waiting requests", p.inflight, len(p.workers), p.queue.length())
		}
	})
}

// pass lets time go by and everybody do what is to do then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// fakePipe is a pipe that takes everything at once.
type fakePipe struct {
	mu     sync.Mutex
	cond   sync.Cond
	data   []byte
	over   bool   // the writer has ended
	closed bool   // the reader has
	idle   func() // called before the reader waits; may be nil
}

// heldWriter writes to a pipe when it is told to.
type heldWriter struct {
	*fakePipe
	mu   sync.Mutex
	held []byte
}

func (h *heldWriter) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = append(h.held, b...)
	return len(b), nil
}

func (h *heldWriter) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.held) > 0 {
		_, _ = h.fakePipe.Write(h.held)
		h.held = nil
	}
}

func newFakePipe() *fakePipe {
	p := &fakePipe{}
	p.cond.L = &p.mu
	return p
}

func (p *fakePipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.data) == 0 && !p.over && !p.closed {
		if p.idle != nil {
			p.idle()
		}
		p.cond.Wait()
	}
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (p *fakePipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.over {
		return 0, io.ErrClosedPipe
	}
	p.data = append(p.data, b...)
	p.cond.Broadcast()
	return len(b), nil
}

// finish is the end of the writer: what it has written can still be read.
func (p *fakePipe) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.cond.Broadcast()
}

func (p *fakePipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.cond.Broadcast()
	return nil
}
