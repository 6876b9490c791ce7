package integration

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// span is what a collector needs to know of one.
type span struct {
	name, trace, id, parent string
	start, end              uint64
	failed                  bool
}

// collector is a receiver of OTLP over HTTP, so small that it understands spans only.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []span
	bad   error
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err == nil && r.URL.Path == "/v1/traces" {
			err = c.read(body)
		}
		if err != nil {
			c.bad = err
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// fields calls f for every field of a message.
func fields(message []byte, f func(n protowire.Number, v []byte, number uint64) error) error {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var v []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(message)
		case protowire.Fixed64Type:
			number, size = protowire.ConsumeFixed64(message)
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(message)
		default:
			size = protowire.ConsumeFieldValue(n, kind, message)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		if err := f(n, v, number); err != nil {
			return err
		}
	}
	return nil
}

// read takes an ExportTraceServiceRequest: resource_spans 1, in there scope_spans 2,
// in there spans 2.
func (c *collector) read(message []byte) error {
	return fields(message, func(n protowire.Number, resource []byte, _ uint64) error {
		return fields(resource, func(n protowire.Number, scope []byte, _ uint64) error {
			if n != 2 {
				return nil
			}
			return fields(scope, func(n protowire.Number, message []byte, _ uint64) error {
				if n != 2 {
					return nil
				}
				var s span
				err := fields(message, func(n protowire.Number, v []byte, number uint64) error {
					switch n {
					case 1:
						s.trace = hex.EncodeToString(v)
					case 2:
						s.id = hex.EncodeToString(v)
					case 4:
						s.parent = hex.EncodeToString(v)
					case 5:
						s.name = string(v)
					case 7:
						s.start = number
					case 8:
						s.end = number
					case 15:
						return fields(v, func(n protowire.Number, _ []byte, code uint64) error {
							s.failed = s.failed || n == 3 && code == 2
							return nil
						})
					}
					return nil
				})
				c.spans = append(c.spans, s)
				return err
			})
		})
	})
}

// of returns the spans of a trace by their names.
func (c *collector) of(trace string) map[string]span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := make(map[string]span)
	for _, s := range c.spans {
		if s.trace == trace {
			found[s.name] = s
		}
	}
	return found
}

func TestTracesShowTheQueueAndTheExecution(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	s, url := site(t, "tracing {\nspan request\n}\n"+loop.directive("workers 1", "queue 1 20ms"),
		withEnv("OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL), withEnv("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"),
		withEnv("OTEL_BSP_SCHEDULE_DELAY=50"), withEnv("OTEL_METRICS_EXPORTER=none"), withEnv("OTEL_LOGS_EXPORTER=none"))

	const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	r := request(t, "GET", url+"/", nil)
	r.Header.Set("Traceparent", fmt.Sprintf("00-%s-%s-01", trace, caller))
	got := tell(t, r)
	parent := regexp.MustCompile("^00-" + trace + "-([0-9a-f]{16})-01$").FindStringSubmatch(strings.Join(got.Headers["traceparent"], ","))
	if parent == nil {
		t.Fatalf("PHP got the traceparent %q", got.Headers["traceparent"])
	}
	eventually(t, "three spans are exported", func() bool { return len(c.of(trace)) == 3 })
	spans := c.of(trace)
	request_, queue, execute := spans["request"], spans["php_worker.queue"], spans["php_worker.execute"]
	if request_.parent != caller || request_.id != parent[1] || queue.parent != request_.id || execute.parent != request_.id {
		t.Errorf("the spans do not belong together: %+v", spans)
	}
	if !(request_.start <= queue.start && queue.start <= queue.end && queue.end == execute.start && execute.start < execute.end && execute.end <= request_.end) {
		t.Errorf("the times do not follow each other: %+v", spans)
	}

	// A request that finds no worker has waited, and nothing more.
	g := newGate(t)
	busy := asking(request(t, "GET", url+"/wait?id=1&gate="+g.path, nil))
	s.waitLog("entered 1")
	const refused = "1af7651916cd43dd8448eb211c80319c"
	r = request(t, "GET", url+"/", nil)
	r.Header.Set("Traceparent", fmt.Sprintf("00-%s-%s-01", refused, caller))
	if status, _ := do(t, r); status != 503 {
		t.Errorf("status %d", status)
	}
	eventually(t, "two spans are exported", func() bool { return len(c.of(refused)) == 2 })
	if queue := c.of(refused)["php_worker.queue"]; !queue.failed || queue.end-queue.start < 20e6 {
		t.Errorf("the span of the wait in vain: %+v", queue)
	}
	g.open("done")
	<-busy
	if c.mu.Lock(); c.bad != nil {
		t.Error(c.bad)
	}
	c.mu.Unlock()
}

// TestWithoutTracingTheHeaderOfTheClientArrives as any header does.
func TestWithoutTracingTheHeaderOfTheClientArrives(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1")
	r := request(t, "GET", url+"/", nil)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r.Header.Set("Traceparent", parent)
	if got := tell(t, r).Headers["traceparent"]; len(got) != 1 || got[0] != parent {
		t.Errorf("PHP got %q", got)
	}
}
