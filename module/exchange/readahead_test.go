package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/budget"
)

// pausing is the turn of a process that says n parts of size bytes, and pauses behind each.
type pausing struct {
	frame   goridge.Frame
	memory  *Memory
	n, size int
	crowded bool
	err     error         // follows the parts; io.EOF if nil
	waits   chan struct{} // if there is one: PHP goes on behind the parts when it is closed

	said             int
	canceled, closed atomic.Bool
}

func (p *pausing) say(text string, head int) {
	b := goridge.FrameBuffer{Budget: p.memory.Budget}
	b.Write([]byte(text))
	b.Take(&p.frame, 0, head, p.said < p.n, p.crowded)
}

func (p *pausing) Open() bool { return true }
func (p *pausing) Next() error {
	p.frame.Release()
	if p.said == p.n {
		if p.waits != nil {
			<-p.waits
		}
		if p.err != nil {
			return p.err
		}
		return io.EOF
	}
	p.said++
	p.say(p.part(p.said), 0)
	return nil
}
func (p *pausing) NextHead() error { return p.Next() }
func (p *pausing) Cancel()         { p.canceled.Store(true) }
func (p *pausing) Cut() bool       { return p.canceled.Load() }
func (p *pausing) Close()          { p.frame.Release(); p.closed.Store(true) }

func (p *pausing) part(i int) string { return fmt.Sprintf("%0*d", p.size, i) }

// whole is all that it says.
func (p *pausing) whole() string {
	var b strings.Builder
	for i := range p.n + 1 {
		b.WriteString(p.part(i))
	}
	return b.String()
}

// deaf is a client that takes the first bytes when it is told to, and then all.
type deaf struct {
	*httptest.ResponseRecorder
	listen chan struct{}
	err    error // instead
}

func (d *deaf) Write(b []byte) (int, error) {
	<-d.listen
	if d.err != nil {
		return 0, d.err
	}
	return d.ResponseRecorder.Write(b)
}

// booked counts how often a worker was free again, and remembers what broke off.
type booked struct {
	nobody
	mu     sync.Mutex
	freed  int
	held   time.Duration
	broken error
}

func (b *booked) Stream() func() {
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.freed++
	}
}
func (b *booked) Held(_ *http.Request, held time.Duration) { b.held = held }
func (b *booked) BrokeOff(_ *http.Request, _ int, _ time.Duration, err error) {
	b.broken = err
}

func (b *booked) timesFree() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.freed
}

// passOn passes on what p says to a client that does not listen, and returns when all goroutines wait. done ends when Write has returned, and
// says whether it did so by aborting.
func passOn(t *testing.T, o *Options, p *pausing, client *deaf, ctx context.Context) (b *booked, done chan bool) {
	b, done = new(booked), make(chan bool, 1)
	o.CGI, o.Observer, p.memory = true, b, o.Memory
	head := "Content-Type: text/plain\r\n"
	p.say(head+p.part(0), len(head))
	go func() {
		defer func() { done <- recover() == http.ErrAbortHandler }()
		if err := Write(client, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), Answer{Turn: p, Frame: &p.frame, PID: 1}, o); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return b, done
}

func TestWhoReadsSlowlyHoldsNoProcessThatPauses(t *testing.T) {
	for name, c := range map[string]struct {
		crowded bool
		buffer  int64
		noFile  bool
		waits   bool // PHP has to
		size    int  // of a part; 10 KB if 0
	}{
		"in memory":                  {buffer: 8_000_000},
		"in a file":                  {buffer: 8_000_000, crowded: true},
		"large parts in a file":      {buffer: 8_000_000, crowded: true, size: 100_000},
		"more than buffer":           {buffer: 20_000, waits: true},
		"more than buffer in a file": {buffer: 20_000, crowded: true, waits: true},
		"without a file":             {buffer: 8_000_000, crowded: true, noFile: true, waits: true},
		"without a buffer":           {buffer: 0, waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			if o.Buffer = c.buffer; c.noFile {
				o.Uploads.Dir += "/missing"
			}
			synctest.Test(t, func(t *testing.T) {
				p := &pausing{n: 10, size: cmp.Or(c.size, 10_000), crowded: c.crowded}
				client := &deaf{httptest.NewRecorder(), make(chan struct{}), nil}
				b, done := passOn(t, o, p, client, t.Context())
				if free := b.timesFree() == 1 && p.closed.Load(); free == c.waits {
					t.Errorf("the process is free: %v; it has said %d of %d parts", free, p.said, p.n)
				}
				if c.crowded && !c.noFile {
					if held := o.Memory.Budget.Held(); held > 20_000 && c.size == 0 {
						t.Errorf("%d bytes are held in memory", held)
					}
				}
				<-time.After(time.Minute) // of the client's
				close(client.listen)
				if aborted := <-done; aborted || client.Body.String() != p.whole() {
					t.Errorf("aborted: %v; the client has %d bytes of %d", aborted, client.Body.Len(), len(p.whole()))
				}
				synctest.Wait()
				if b.timesFree() != 1 || p.canceled.Load() || !p.closed.Load() {
					t.Errorf("free %d times, canceled %v, closed %v", b.timesFree(), p.canceled.Load(), p.closed.Load())
				}
				if long := b.held >= time.Minute; long != c.waits {
					t.Errorf("the worker was held for %v", b.held)
				}
				o.wantHeld(t, "at the end", 0)
			})
		})
	}
}

func TestSmallPartsShareMemory(t *testing.T) {
	o := testOptions(t)
	synctest.Test(t, func(t *testing.T) {
		p := &pausing{n: 1000, size: 10}
		client := &deaf{httptest.NewRecorder(), make(chan struct{}), nil}
		_, done := passOn(t, o, p, client, t.Context())
		if held := o.Memory.Budget.Held(); held > 40_000 {
			t.Errorf("%d bytes are held for 1000 parts of 10", held)
		}
		close(client.listen)
		if <-done || client.Body.String() != p.whole() {
			t.Errorf("the client has %d bytes of %d", client.Body.Len(), len(p.whole()))
		}
	})
}

// However small the parts are, each takes memory.
func TestPartsGoToAFileWhereMemoryIsShort(t *testing.T) {
	for size, n := range map[int]int{1: 100_000, 10_000: 50} {
		o := testOptions(t)
		o.Memory = NewMemory(budget.New(400_000, new(atomic.Int64)))
		synctest.Test(t, func(t *testing.T) {
			p := &pausing{n: n, size: size}
			client := &deaf{httptest.NewRecorder(), make(chan struct{}), nil}
			b, done := passOn(t, o, p, client, t.Context())
			if held := o.Memory.Budget.Held(); b.timesFree() != 1 || held > 250_000 {
				t.Errorf("the process is free %d times; %d bytes are held", b.timesFree(), held)
			}
			close(client.listen)
			if aborted := <-done; aborted || client.Body.String() != p.whole() {
				t.Errorf("aborted: %v; the client has %d bytes of %d", aborted, client.Body.Len(), len(p.whole()))
			}
			synctest.Wait()
			o.wantHeld(t, "at the end", 0)
		})
	}
}

// An answer may be as long as it likes.
func TestTheFileOfASlowClientIsNoLongerThanBuffer(t *testing.T) {
	for _, size := range []int{1000, 40_000} { // less than a client gets at once, and more
		o := testOptions(t)
		o.Buffer = 100_000
		synctest.Test(t, func(t *testing.T) {
			p := &pausing{n: 2_000_000 / size, size: size, crowded: true, memory: o.Memory}
			p.say(p.part(0), 0)
			a := o.readAhead(Answer{Turn: p, Frame: &p.frame}, func() {})
			q := a.Turn.(*readAhead)
			var said strings.Builder
			for err := error(nil); err == nil && !t.Failed(); err = a.Next() {
				said.Write(a.Frame.Body())
				synctest.Wait()
				q.mu.Lock()
				parts := len(q.parts)
				file, ok := q.file.(*os.File)
				q.mu.Unlock()
				if !ok {
					continue
				}
				if info, err := file.Stat(); err != nil || info.Size() > o.Buffer+int64(size) || parts > 3 {
					t.Errorf("%d bytes in %d parts, %v", info.Size(), parts, err)
				}
			}
			a.Close()
			if said.String() != p.whole() {
				t.Errorf("the client has %d bytes of %d", said.Len(), len(p.whole()))
			}
			synctest.Wait()
			o.wantHeld(t, "at the end", 0)
		})
	}
}

func TestWhatAProcessSaidBeforeItFailedReachesASlowClient(t *testing.T) {
	o := testOptions(t)
	synctest.Test(t, func(t *testing.T) {
		p := &pausing{n: 5, size: 100, err: errors.New("it fell")}
		client := &deaf{httptest.NewRecorder(), make(chan struct{}), nil}
		b, done := passOn(t, o, p, client, t.Context())
		close(client.listen)
		if aborted := <-done; !aborted || client.Body.String() != p.whole() || b.broken != p.err {
			t.Errorf("aborted: %v; %q, %v", aborted, client.Body, b.broken)
		}
		synctest.Wait()
		o.wantHeld(t, "at the end", 0)
	})
}

func TestWhatASlowClientNoLongerWantsIsGivenUp(t *testing.T) {
	for _, crowded := range []bool{false, true} {
		o := testOptions(t)
		synctest.Test(t, func(t *testing.T) {
			p := &pausing{n: 5, size: 10_000, crowded: crowded, waits: make(chan struct{})}
			client := &deaf{httptest.NewRecorder(), make(chan struct{}), errors.New("gone")}
			_, done := passOn(t, o, p, client, t.Context())
			if p.canceled.Load() {
				t.Error("the process is told to stop before the client has gone")
			}
			close(client.listen)
			if !<-done || !p.canceled.Load() {
				t.Errorf("the process is told to stop: %v", p.canceled.Load())
			}
			close(p.waits)
			synctest.Wait()
			if !p.closed.Load() {
				t.Error("the turn is not closed")
			}
			o.wantHeld(t, "at the end", 0)
		})
	}
}

// Who has only closed its sending half is still reading.
func TestAnAnswerThatIsWholeIsNotCutForAClientThatLeaves(t *testing.T) {
	for _, whole := range []bool{false, true} {
		o := testOptions(t)
		synctest.Test(t, func(t *testing.T) {
			p := &pausing{n: 5, size: 100, waits: make(chan struct{})}
			client := &deaf{httptest.NewRecorder(), make(chan struct{}), nil}
			ctx, leave := context.WithCancel(t.Context())
			_, done := passOn(t, o, p, client, ctx)
			if whole {
				close(p.waits)
				synctest.Wait()
			}
			leave()
			synctest.Wait()
			if !whole {
				close(p.waits)
			}
			close(client.listen)
			if aborted := <-done; aborted == whole || p.canceled.Load() == whole {
				t.Errorf("whole %v: aborted %v, canceled %v", whole, aborted, p.canceled.Load())
			}
			synctest.Wait()
		})
	}
}
