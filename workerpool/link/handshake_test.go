package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// text keeps what was printed.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *text) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *text) Flush() { _, _ = p.Write([]byte("|")) }

func (p *text) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// stage is a worker that is offered a relay of its own and stdio.
type stage struct {
	offers     []*Offer
	own, stdio *end
	printed    *text
	exited     chan struct{}
	readers    sync.WaitGroup
}

// end is the worker's end of a pair of pipes.
type end struct{ in, out *os.File }

func (e *end) close() { e.in.Close(); e.out.Close() }

func twoPipes(t *testing.T) (worker *end, answers, requests *os.File) {
	t.Helper()
	in, requests, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range []*os.File{in, out, requests, answers} {
			f.Close()
		}
	})
	return &end{in, out}, answers, requests
}

func offered(t *testing.T) *stage {
	t.Helper()
	s := &stage{printed: &text{}, exited: make(chan struct{})}
	own, answers, requests := twoPipes(t)
	s.own = own
	s.offers = append(s.offers, OnPipes("its own", answers, requests, goridge.Options{}, nil))
	stdio, answers, requests := twoPipes(t)
	s.stdio = stdio
	s.offers = append(s.offers, OnPipes("stdio", answers, requests, goridge.Options{}, s.printed))
	t.Cleanup(func() { // and every reader ends with the worker
		s.own.close()
		s.stdio.close()
		s.readers.Wait()
	})
	return s
}

func (s *stage) handshake(ctx context.Context) (*Link, error) {
	return Handshake(ctx, s.offers, s.exited, s.readers.Go)
}

// asks says on a relay that the worker waits for its first request.
func (e *end) asks(pid int) { _, _ = e.out.Write(goridge.AppendControlPID(nil, pid)) }

func TestTheRelayOnWhichTheWorkerAnswersIsTakenAndTheOtherOneClosed(t *testing.T) {
	for name, stdio := range map[string]bool{"its own": false, "stdio": true} {
		t.Run(name, func(t *testing.T) {
			s := offered(t)
			chosen, other := s.own, s.stdio
			if stdio {
				chosen, other = s.stdio, s.own
			}
			chosen.asks(4711)
			l, err := s.handshake(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if l.PID() != 4711 || !l.MayAsk() || l.Peeks {
				t.Errorf("process %d, may be asked %v, looks for pongs %v", l.PID(), l.MayAsk(), l.Peeks)
			}
			hello := goridge.AppendControlPID(nil, os.Getpid())
			got := make([]byte, len(hello))
			if _, err := io.ReadFull(chosen.in, got); err != nil || !bytes.Equal(got, hello) {
				t.Errorf("the worker was told %q, %v", got, err)
			}
			if !stdio {
				return // stdio is read on, for its text
			}
			if rest, err := io.ReadAll(other.in); err != nil || !bytes.HasPrefix(hello, rest) {
				t.Errorf("on the other relay came %q, %v", rest, err)
			}
		})
	}
}

func TestTextIsReadOnWhenAnotherRelayWasTaken(t *testing.T) {
	s := offered(t)
	s.own.asks(1)
	l, err := s.handshake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, _ = s.stdio.out.WriteString("printed late\n")
	s.stdio.close()
	s.readers.Wait()
	if got := s.printed.String(); got != "printed late\n|" {
		t.Errorf("read %q", got)
	}
}

func TestTextInFrontOfTheFirstFrameIsNoFrame(t *testing.T) {
	s := offered(t)
	_, _ = s.stdio.out.WriteString("hello, I boot\n")
	s.stdio.asks(2)
	l, err := s.handshake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := s.printed.String(); got != "hello, I boot\n" {
		t.Errorf("read %q", got)
	}
}

func TestAHandshakeEndsWithTheProcess(t *testing.T) {
	s := offered(t)
	_, _ = s.stdio.out.WriteString("no autoloader\n")
	s.own.close()
	s.stdio.close()
	close(s.exited)
	if _, err := s.handshake(t.Context()); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
	s.readers.Wait()
	if got := s.printed.String(); !strings.HasPrefix(got, "no autoloader\n") {
		t.Errorf("read %q", got)
	}
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	s := offered(t)
	why := errors.New("it took too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := s.handshake(ctx); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if _, err := io.ReadAll(s.own.in); err != nil { // its relay is closed
		t.Error(err)
	}
	for _, o := range s.offers {
		o.Cancel()
		o.Cancel()
	}
	s.readers.Wait()
}

func TestARelayThatFailsLeavesTheOtherOne(t *testing.T) {
	s := offered(t)
	s.own.close()
	s.stdio.asks(3)
	l, err := s.handshake(t.Context())
	if err != nil || l.PID() != 3 {
		t.Fatalf("got %v", err)
	}
	l.Close()
}
