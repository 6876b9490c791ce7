package exchange

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/budget"
)

// memoryOfTests is the bound of what the requests of tests hold, in bytes; a large form just fits.
const memoryOfTests = 64_000_000

const bodyMemory = 1 << 20

// testOptions are those of a site whose requests reach no worker.
func testOptions(t testing.TB) *Options {
	return &Options{
		MaxBody: 128_000_000, BodyMemory: bodyMemory, Uploads: Uploads{Dir: t.TempDir()}, Buffer: 8_000_000,
		Codec: JSON, Memory: NewMemory(budget.New(memoryOfTests, new(atomic.Int64))), Observer: nobody{}, Logger: zap.NewNop(),
	}
}

// nobody is told of answers.
type nobody struct{}

func (nobody) Status(int)                                        {}
func (nobody) Stream() func()                                    { return func() {} }
func (nobody) Held(*http.Request, time.Duration)                 {}
func (nobody) BrokeOff(*http.Request, int, time.Duration, error) {}

// wholeTurn is the turn of an answer in one frame, which has been read.
type wholeTurn struct{}

func (wholeTurn) Open() bool      { return false }
func (wholeTurn) Next() error     { return io.EOF }
func (wholeTurn) NextHead() error { return io.EOF }
func (wholeTurn) Cancel()         {}
func (wholeTurn) Cut() bool       { return false }
func (wholeTurn) Close()          {}

// answerOf is an answer of worker 1, in one frame.
func answerOf(t testing.TB, head, body string) Answer {
	t.Helper()
	bytes := append(goridge.BeginRequest(nil), head+body...)
	goridge.FinishRequest(bytes, 0, goridge.CodecJSON, len(head), len(body))
	frame := new(goridge.Frame)
	conn := goridge.NewConn(io.NopCloser(strings.NewReader(string(goridge.PlainRequest(bytes)))), nil, goridge.Options{})
	if err := conn.ReadFrame(frame); err != nil {
		t.Fatal(err)
	}
	return Answer{Turn: wholeTurn{}, Frame: frame, PID: 1}
}
