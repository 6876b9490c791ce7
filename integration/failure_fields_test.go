package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// accessRecord waits for the record of the request to this URI.
func (s *server) accessRecord(uri string) (record map[string]any) {
	s.t.Helper()
	eventually(s.t, "the access log has "+uri, func() bool {
		for _, r := range s.logs.records("handled request") {
			if request, _ := r["request"].(map[string]any); request["uri"] == uri {
				record = r
			}
		}
		return record != nil
	})
	return record
}

func TestTheAccessLogOfAFailureTellsWhatIsKnown(t *testing.T) {
	t.Parallel()
	s, url := site(t, "log\n"+loop.directive("name front", "workers 1", "queue 1 20ms", "max_body 10B", "request_timeout 300ms"))
	g := newGate(t)
	for _, c := range []struct {
		method, uri, body string
		status            int
		known, unknown    string
		atLeast           float64
	}{
		{"GET", "/a%00b", "", 400, "pool", "pid queue_ms exec_ms", 0},
		{"POST", "/", "more than ten bytes", 413, "pool", "pid queue_ms exec_ms", 0},
		{"GET", "/error", "", 500, "pool pid", "", 0},
		{"POST", "/exit?tries=/dev/null", "", 502, "pool pid exec_ms", "", 0},
		{"POST", "/wait?id=7&gate=" + g.path, "", 504, "pool pid exec_ms", "", 300},
	} {
		pid := s.settled("front", 1).serving()[0]
		if status, _ := do(t, request(t, c.method, url+c.uri, strings.NewReader(c.body))); status != c.status {
			t.Errorf("%s: status %d, want %d", c.uri, status, c.status)
		}
		s.wantFields(c.uri, pid, c.known, c.unknown)
		if ms, _ := s.accessRecord(c.uri)["php_worker.exec_ms"].(float64); ms < c.atLeast {
			t.Errorf("%s: the worker is said to have had it for %v ms", c.uri, ms)
		}
	}

	s.settled("front", 1)
	busy := asking(request(t, "GET", url+"/wait?id=8&gate="+g.path, nil))
	s.waitLog("entered 8")
	if status, _ := get(t, url+"/turned-away"); status != 503 {
		t.Errorf("without a free worker: status %d", status)
	}
	g.open("done")
	<-busy
	s.wantFields("/turned-away", 0, "pool queue_ms", "pid exec_ms")
	if said := s.logs.text(); !strings.Contains(said, `pool \"front\": no worker came free in time (20ms)`) {
		t.Errorf("no error names the pool:\n%s", said)
	}
	if ms, _ := s.accessRecord("/turned-away")["php_worker.queue_ms"].(float64); ms < 20 {
		t.Errorf("the request is said to have waited for %v ms", ms)
	}
}

// wantFields checks which of our fields the record of a failed request has.
func (s *server) wantFields(uri string, pid int, known, unknown string) {
	s.t.Helper()
	record := s.accessRecord(uri)
	for name := range strings.FieldsSeq(known) {
		value, ok := record["php_worker."+name]
		switch {
		case !ok, name == "pool" && value != "front", name == "pid" && value != float64(pid):
			s.t.Errorf("%s: %s is %v; worker %d of pool front had it", uri, name, value, pid)
		}
	}
	for name := range strings.FieldsSeq(unknown) {
		if value, ok := record["php_worker."+name]; ok {
			s.t.Errorf("%s: %s is %v, and nobody can know", uri, name, value)
		}
	}
}

// An error page that PHP makes is what the log tells of.
func TestTheAccessLogNamesTheWorkerOfTheErrorPage(t *testing.T) {
	t.Parallel()
	s, url := site(t, "log\nheader >X-Worker {http.php_worker.pid}\n"+loop.directive("name front", "workers 1")+
		"handle_errors {\nrewrite * /\nheader >X-Worker {http.php_worker.pid}\n"+
		chaosWorkerAs(t, "pages", env("RELEASE", "a page"))+"\n}\n")
	pid := s.settled("pages", 1).serving()[0]
	res := send(t, request(t, "POST", url+"/exit?tries=/dev/null", nil))
	if body := readAll(t, res); body != "a page" || res.Header.Get("X-Worker") != fmt.Sprint(pid) {
		t.Errorf("status %d, %q from %q, want worker %d", res.StatusCode, body, res.Header.Get("X-Worker"), pid)
	}
	record := s.accessRecord("/exit?tries=/dev/null")
	if record["php_worker.pool"] != "pages" || record["php_worker.pid"] != float64(pid) {
		t.Errorf("the access log says %v", record)
	}
}

func TestTracesChargeAFailedWorkerWithItsTime(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	var raw bytes.Buffer // under the lock of c
	keep := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		raw.Write(body)
		if err == nil && r.URL.Path == "/v1/traces" {
			err = c.read(body)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(keep.Close)
	s, url := site(t, "tracing {\nspan request\n}\n"+loop.directive("name front", "workers 1", "request_timeout 300ms"),
		withEnv("OTEL_EXPORTER_OTLP_ENDPOINT="+keep.URL), withEnv("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"),
		withEnv("OTEL_BSP_SCHEDULE_DELAY=50"), withEnv("OTEL_METRICS_EXPORTER=none"), withEnv("OTEL_LOGS_EXPORTER=none"))
	for i, c2 := range []struct {
		path    string
		status  int
		atLeast uint64 // nanoseconds
	}{
		{"/error", 500, 1},
		{"/exit?tries=/dev/null", 502, 1},
		{"/wait?id=7&gate=" + newGate(t).path, 504, 300e6},
	} {
		s.settled("front", 1)
		trace := fmt.Sprintf("%daf7651916cd43dd8448eb211c80319c", i+1)
		r := request(t, "POST", url+c2.path, nil)
		r.Header.Set("Traceparent", fmt.Sprintf("00-%s-b7ad6b7169203331-01", trace))
		if status, _ := do(t, r); status != c2.status {
			t.Errorf("%s: status %d, want %d", c2.path, status, c2.status)
		}
		eventually(t, "the spans are exported", func() bool { _, ok := c.of(trace)["request"]; return ok })
		spans := c.of(trace)
		whole, queue, execute := spans["request"], spans["php_worker.queue"], spans["php_worker.execute"]
		if queue.failed || !execute.failed || execute.parent != whole.id {
			t.Errorf("%s: the spans are %+v", c2.path, spans)
		}
		if took := execute.end - execute.start; took < c2.atLeast || queue.end != execute.start || execute.end > whole.end {
			t.Errorf("%s: the times are %+v", c2.path, spans)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(raw.String(), "the reason why") {
		t.Error("the text of PHP's error has got into a span")
	}
}

// chaosWorkerAs is chaosWorker with another name, for a single worker.
func chaosWorkerAs(t *testing.T, name string, options ...string) string {
	t.Helper()
	return directive(absolute(t, "testdata/chaos/worker.php"), append([]string{"name " + name, "workers 1"}, options...)...)
}
