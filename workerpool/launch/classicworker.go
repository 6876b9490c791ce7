package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/fastcgi"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// classicWorker is one process of a parent and the connection to it. Until that is there the worker is nothing but
// the wish for one.
type classicWorker struct {
	parent   *classicParent
	settings *Settings
	done     chan struct{} // closed when it has ended, and how is known
	closed   chan struct{} // closed by Close

	mu      sync.Mutex
	adopted process.Adopted // nil: no connection yet
	child   *classicChild   // of it
	asked   bool            // to end
	over    bool            // done is closed, or is about to be without a process
	exit    string
	orderly bool
}

const (
	// exitPatience is how long the parent's word about the end of a process is waited for, or its own end.
	exitPatience = time.Second
	// nudge is how long an answer to a new connection is waited for before php-fpm is made to look again:
	// it looks for somebody free when somebody connects, and a free process may be about to end.
	nudge = 500 * time.Millisecond
	// maxTries is how many processes may end before they answer, until that is the fault of PHP.
	maxTries = 3
)

func newClassicWorker(p *classicParent, s *Settings) *classicWorker {
	return &classicWorker{parent: p, settings: s, done: make(chan struct{}), closed: make(chan struct{})}
}

// connect returns a connection to a process that answers. Where one ends before it has answered, the next one is asked: a
// ping carries nothing out.
func (w *classicWorker) connect(ctx context.Context) (*fastcgi.Link, error) {
	for tries := 1; ; tries++ {
		l, err := w.tryConnect(ctx)
		switch {
		case err == nil:
			return l, nil
		case ctx.Err() != nil, errors.As(err, new(*EndedError)):
			return nil, err
		case !errors.Is(err, io.EOF) || tries == maxTries:
			return nil, w.endOfParent(ctx, err)
		}
	}
}

// tryConnect connects to whoever takes the connection.
func (w *classicWorker) tryConnect(ctx context.Context) (*fastcgi.Link, error) {
	p := w.parent
	select {
	case p.connecting <- struct{}{}:
		defer func() { <-p.connecting }()
	case <-p.Done():
		return nil, w.parentEnded()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		again := time.NewTicker(nudge)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				if c, err := net.Dial("unix", p.at); err == nil {
					c.Close()
				}
			case <-p.Done():
				cancel(w.parentEnded())
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	l, err := fastcgi.Connect(ctx, p.at, p.ping, fastcgi.Options{
		MaxInMemory: w.settings.MaxInMemory, Budget: w.settings.Budget, Messages: (*messages)(w), Soften: w.soften,
	})
	cancel(nil)
	<-watched
	return l, err
}

// endOfParent is the error of a broken connection, or how the parent has ended, which tells more.
func (w *classicWorker) endOfParent(ctx context.Context, broken error) error {
	patience := time.NewTimer(exitPatience)
	defer patience.Stop()
	select {
	case <-w.parent.Done():
		return w.parentEnded()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-patience.C:
		return broken
	}
}

// parentEnded is the error of a parent that has ended.
func (w *classicWorker) parentEnded() error {
	exit, orderly := w.parent.Exit()
	return &EndedError{Exit: exit, Orderly: orderly, Before: "it answered"}
}

// Link connects, and follows the process that answers. One that another worker still has is never taken: it may
// answer because that one's connection is broken, and is about to be ended.
func (w *classicWorker) Link(ctx context.Context) (Link, error) {
	for {
		l, err := w.connect(ctx)
		if err != nil {
			return nil, err
		}
		owner := w.parent.claim(l.PID(), w)
		if owner == w {
			return w.follows(l)
		}
		l.Close()
		select {
		case <-owner.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// follows follows the process that has answered.
func (w *classicWorker) follows(l *fastcgi.Link) (Link, error) {
	c := w.parent.child(l.PID())
	adopted, err := process.Adopt(l.PID(), w.parent, w.settings.Rlimits)
	if err != nil {
		l.Close()
		w.parent.forget(l.PID(), c)
		return nil, fmt.Errorf("process %d has answered: %w", l.PID(), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over { // Kill was called meanwhile
		adopted.Kill()
		w.parent.forget(l.PID(), c)
		l.Close()
		return nil, context.Canceled
	}
	w.adopted, w.child = adopted, c
	go w.follow(adopted, c)
	return l, nil
}

// follow waits for the end of the process, and for what its parent says about it.
func (w *classicWorker) follow(adopted process.Adopted, c *classicChild) {
	<-adopted.Done()
	exit, _ := adopted.Exit()
	orderly := w.wasAsked() // none of them ends by itself
	if w.parent.kind == sapiFPM {
		patience := time.NewTimer(exitPatience)
		defer patience.Stop()
		select {
		case <-c.ended:
			exit, orderly = c.exit, c.orderly
		case <-w.parent.Done():
			how, _ := w.parent.Exit()
			exit, orderly = "its php-fpm ended: "+how, false
		case <-patience.C:
		}
	}
	w.mu.Lock()
	w.over, w.exit, w.orderly = true, exit, orderly
	w.mu.Unlock()
	close(w.done)
}

func (w *classicWorker) hasEnded() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

func (w *classicWorker) wasAsked() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// process is the one that the worker has; nil: none yet.
func (w *classicWorker) process() process.Adopted {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.adopted
}

// toEnd is process, for who is about to ask it to end.
func (w *classicWorker) toEnd() process.Adopted {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = true
	return w.adopted
}

// PID is that of the parent until there is a process.
func (w *classicWorker) PID() int {
	if a := w.process(); a != nil {
		return a.PID()
	}
	return w.parent.PID()
}

func (w *classicWorker) Done() <-chan struct{} { return w.done }

func (w *classicWorker) Exit() (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.exit, w.orderly
}

// Terminate lets php-cgi finish what it is at; php-fpm's processes end at once.
func (w *classicWorker) Terminate() {
	if a := w.toEnd(); a != nil {
		a.Terminate()
	}
}

// Kill ends the process; where there is none yet, the worker is given up.
func (w *classicWorker) Kill() {
	w.mu.Lock()
	w.asked = true
	a := w.adopted
	if a == nil && !w.over { // follows finds that, and ends the process that has answered meanwhile
		w.over, w.exit = true, "it had no process yet"
		close(w.done)
	}
	w.mu.Unlock()
	if a != nil {
		a.Kill()
	}
}

func (w *classicWorker) SetPHP(int) {}

func (w *classicWorker) CPUTime() (time.Duration, bool) {
	if a := w.process(); a != nil {
		return a.CPUTime()
	}
	return 0, false
}

func (w *classicWorker) TimeIsUp() {
	if a := w.process(); a != nil {
		a.TimeIsUp()
	}
}

// soften makes the process end when it has no request and no connection any more.
func (w *classicWorker) soften() {
	sig := syscall.SIGTERM
	if w.parent.kind == sapiFPM {
		sig = syscall.SIGQUIT
	}
	if a := w.toEnd(); a != nil {
		a.Soften(sig)
	}
}

// OutputDone is Done: php-fpm tells of the end of a process when it has read what that has printed. Where the parent itself has ended
// before there was a process, it is the end of what the parent has printed.
func (w *classicWorker) OutputDone() <-chan struct{} {
	if w.process() != nil || !w.parent.hasEnded() {
		return w.done
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-w.parent.read:
		case <-w.closed:
		}
	}()
	return done
}

func (w *classicWorker) Tail() []string {
	if out := w.output(); out != nil {
		return out.tail()
	}
	return w.parent.out.tail()
}

// Transcript has what the parent has said, too.
func (w *classicWorker) Transcript() (lines []string, fatal string) {
	lines, fatal = w.parent.out.transcript(), w.parent.out.fatalLine()
	if out := w.output(); out != nil {
		lines = append(lines, out.transcript()...)
		if own := out.fatalLine(); own != "" {
			fatal = own
		}
	}
	return lines, fatal
}

// output is that of its process; nil: there is none yet.
func (w *classicWorker) output() *output {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.child == nil {
		return nil
	}
	return w.child.out
}

// Close forgets the process.
func (w *classicWorker) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.closed:
	default:
		close(w.closed)
	}
	if w.child != nil {
		w.parent.forget(w.adopted.PID(), w.child)
	}
}

// messages takes what the process says for the log over its connection.
type messages classicWorker

func (m *messages) Write(p []byte) (int, error) {
	if s := m.stream(); s != nil {
		_, _ = s.Write(p)
	}
	return len(p), nil
}

func (m *messages) Flush() {
	if s := m.stream(); s != nil {
		s.Flush()
	}
}

// stream is one that only the holder of the turn writes to: php-cgi prints nothing besides that we could
// tell the process of.
func (m *messages) stream() *stream {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.child == nil {
		return nil // the ping has nothing to say
	}
	if m.parent.kind == sapiFPM {
		return nil // it says it on stderr
	}
	return m.child.stderr
}
