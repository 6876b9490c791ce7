package exchange

import (
	"bytes"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// whims is the turn of a process that says parts of any size, for some of which there is no memory.
type whims struct {
	random *rand.Rand
	memory *Memory
	frame  goridge.Frame
	n      int   // parts to come
	end    error // behind them
	said   bytes.Buffer
	closed chan struct{}
}

func (p *whims) say(head string) {
	sizes := []int{0, 1, 10, 500, pieceSize, pieceSize + 1, 40_000, 100_000}
	body := make([]byte, sizes[p.random.Intn(len(sizes))])
	p.random.Read(body)
	b := goridge.FrameBuffer{Budget: p.memory.Budget}
	b.Write([]byte(head))
	for !b.Write(body) {
		body = body[:len(body)/2]
	}
	p.said.Write(body)
	b.Take(&p.frame, 0, len(head), p.n > 0, p.random.Intn(2) == 0)
}

func (p *whims) Next() error {
	p.frame.Release()
	if p.n == 0 {
		return p.end
	}
	p.n--
	if p.random.Intn(2) == 0 {
		runtime.Gosched()
	}
	p.say("")
	return nil
}

func (p *whims) Open() bool      { return true }
func (p *whims) NextHead() error { return p.Next() }
func (p *whims) Cancel()         {}
func (p *whims) Cut() bool       { return false }
func (p *whims) Close()          { p.frame.Release(); close(p.closed) }

// dawdler is a client that takes its time, and leaves within the last of n writes; never if that is 0.
type dawdler struct {
	*httptest.ResponseRecorder
	random *rand.Rand
	n      int
}

func (d *dawdler) Write(b []byte) (int, error) {
	if d.random.Intn(4) > 0 {
		runtime.Gosched()
	}
	if d.n--; d.n == 0 {
		return 0, io.ErrClosedPipe
	}
	return d.ResponseRecorder.Write(b)
}

func TestWhatIsReadAheadArrivesWholeAndInOrderWhateverRoomThereIs(t *testing.T) {
	for seed := range int64(100) {
		random := rand.New(rand.NewSource(seed))
		o := testOptions(t)
		o.CGI, o.Buffer = true, []int64{0, 1, 1000, 20_000, 100_000, 8 << 20}[random.Intn(6)]
		if random.Intn(3) == 0 {
			o.Memory.Budget.Book(memoryOfTests)
		}
		held := o.Memory.Budget.Held()
		p := &whims{random: rand.New(rand.NewSource(-seed)), memory: o.Memory, n: random.Intn(40), end: io.EOF, closed: make(chan struct{})}
		w := &dawdler{ResponseRecorder: httptest.NewRecorder(), random: random}
		switch random.Intn(5) {
		case 0:
			p.end = io.ErrUnexpectedEOF
		case 1:
			w.n = 1 + random.Intn(10)
		}
		whole := p.end == io.EOF && w.n == 0
		p.say("Content-Type: a/b\r\n")
		aborted := func() (why any) {
			defer func() { why = recover() }()
			if err := Write(w, httptest.NewRequest(http.MethodGet, "/", nil), Answer{Turn: p, Frame: &p.frame, PID: 1}, o); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			return nil
		}()
		<-p.closed
		got, said := w.Body.Bytes(), p.said.Bytes()
		if !bytes.HasPrefix(said, got) || aborted == nil && len(got) != len(said) || whole && aborted != nil || p.end != io.EOF && aborted == nil {
			t.Errorf("seed %d: PHP has said %d bytes, the client has %d; aborted: %v", seed, len(said), len(got), aborted)
		}
		if n := o.Memory.Budget.Held(); n != held {
			t.Errorf("seed %d: %d bytes are held, before it were %d", seed, n, held)
		}
	}
}
