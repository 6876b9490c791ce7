package integration

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// metrics are the values that Caddy exports and that are ours, by name and labels
// as they are written.
func (s *server) metrics() map[string]float64 {
	s.t.Helper()
	values := make(map[string]float64)
	for text := range strings.Lines(s.wantAPI(http.StatusOK, http.MethodGet, "/metrics", "")) {
		name, value, found := strings.Cut(strings.TrimSpace(text), " ")
		if !found || !strings.HasPrefix(name, "caddy_php_worker_") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.t.Fatalf("metric %s: %v", text, err)
		}
		if _, twice := values[name]; twice {
			s.t.Errorf("metric %s is there twice", name)
		}
		values[name] = n
	}
	return values
}

func TestEveryPromisedMetricIsThereFromTheStart(t *testing.T) {
	t.Parallel()
	s, _ := site(t, chaosWorker(t, "workers 2 3"))
	s.settled("app", 2)
	want := make(map[string]bool)
	add := func(name, label string, values ...string) {
		if label == "" {
			want[fmt.Sprintf(`caddy_php_worker_%s{pool="app"}`, name)] = true
		}
		for _, v := range values {
			labels := []string{fmt.Sprintf(`%s="%s"`, label, v), `pool="app"`}
			slices.Sort(labels)
			want[fmt.Sprintf("caddy_php_worker_%s{%s}", name, strings.Join(labels, ","))] = true
		}
	}
	add("workers", "state", "idle", "busy", "booting", "stopping")
	add("restarts_total", "reason", "max_requests", "max_memory", "max_lifetime", "idle", "crash", "timeout", "restart", "watch", "config")
	add("requests_total", "code_class", "2xx", "3xx", "4xx", "5xx")
	add("pool_info", "mode", "worker")
	add("rejected_total", "reason", "queue_full", "queue_timeout", "unavailable", "memory")
	for _, name := range []string{"workers_max", "queue_depth", "worker_memory_bytes", "held_bytes", "held_bytes_max", "streams"} {
		add(name, "")
	}
	for _, name := range []string{"request_duration_seconds", "queue_duration_seconds", "boot_duration_seconds"} {
		add(name+"_count", "")
		add(name+"_sum", "")
	}
	got := s.metrics()
	for name := range want {
		if _, there := got[name]; !there {
			t.Errorf("there is no %s", name)
		}
	}
	for name := range got {
		if !want[name] && !strings.Contains(name, "_seconds_bucket{") {
			t.Errorf("nobody promised %s", name)
		}
	}
	for name, value := range map[string]float64{
		`caddy_php_worker_workers{pool="app",state="idle"}`:        2,
		`caddy_php_worker_workers_max{pool="app"}`:                 3,
		`caddy_php_worker_boot_duration_seconds_count{pool="app"}`: 2,
	} {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if memory := got[`caddy_php_worker_worker_memory_bytes{pool="app"}`]; memory < 2<<20 {
		t.Errorf("two processes have %v bytes of memory", memory)
	}
}

// Two handlers share the pool, half of the reloads change it, and each config has
// a registry of its own: all of it must add up.
func TestCountersNeverGoBackWhenAReloadReplacesThePool(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	sites := func(release int) string {
		worker := chaosWorker(t, "workers 1", env("RELEASE", strconv.Itoa(release)))
		return fmt.Sprintf("http://127.0.0.1:%d {\nhandle /pid {\n%s\n}\n%s\n}\n", port, worker, worker)
	}
	s := start(t, sites(0))
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	before := s.metrics()
	for i := range 6 {
		for _, path := range []string{"/", "/pid"} {
			if status, _ := get(t, url+path); status != http.StatusOK {
				t.Fatalf("%s: status %d", path, status)
			}
		}
		if status, _ := do(t, request(t, http.MethodPost, url+"/exit", nil)); status != http.StatusBadGateway {
			t.Fatalf("status %d", status)
		}
		s.settled("app", 1)
		if status, text := s.load(sites((i + 1) / 2)); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, text)
		}
		now := s.metrics()
		for name, value := range before {
			if (strings.Contains(name, "_total{") || strings.Contains(name, "_count{") || strings.Contains(name, "_bucket{")) && now[name] < value {
				t.Errorf("reload %d: %s went back from %v to %v", i, name, value, now[name])
			}
		}
		if slices.Compare(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(now))) != 0 {
			t.Errorf("reload %d: the metrics are not the same as before", i)
		}
		before = now
	}
	for name, value := range map[string]float64{
		`caddy_php_worker_requests_total{code_class="2xx",pool="app"}`: 12,
		`caddy_php_worker_requests_total{code_class="5xx",pool="app"}`: 6,
		`caddy_php_worker_restarts_total{pool="app",reason="crash"}`:   6,
		`caddy_php_worker_request_duration_seconds_count{pool="app"}`:  12,
	} {
		if before[name] != value {
			t.Errorf("%s is %v, want %v", name, before[name], value)
		}
	}
}

func TestRejectedRequestsAndStreamsAreCounted(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, chaosWorker(t, "workers 1", "queue 1 50ms"))
	stream := send(t, request(t, http.MethodGet, url+"/stream?gate="+gate.path, nil))
	first := make([]byte, 5)
	if _, err := stream.Body.Read(first); err != nil {
		t.Fatal(err)
	}
	if n := s.metrics()[`caddy_php_worker_streams{pool="app"}`]; n != 1 {
		t.Errorf("%v streams while one runs", n)
	}
	res := send(t, request(t, http.MethodGet, url+"/", nil)) // waits in vain
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	gate.open("end")
	readAll(t, stream)
	if n := s.metrics()[`caddy_php_worker_rejected_total{pool="app",reason="queue_timeout"}`]; n != 1 {
		t.Errorf("%v requests waited in vain, want 1", n)
	}
	eventually(t, "no stream is counted any more", func() bool { return s.metrics()[`caddy_php_worker_streams{pool="app"}`] == 0 })
}

func TestTheAccessLogAndPlaceholdersTellWhoAnswered(t *testing.T) {
	t.Parallel()
	s, url := site(t, "log\nheader >X-Who \"{http.php_worker.pid} {http.php_worker.queue_ms} {http.php_worker.exec_ms}\"\n"+chaosWorker(t, "workers 1"))
	pid := s.settled("app", 1).serving()[0]
	res := send(t, request(t, http.MethodGet, url+"/work?ms=20", nil))
	readAll(t, res)
	record := s.waitLog("handled request")
	if record["php_worker.pool"] != "app" || record["php_worker.pid"] != float64(pid) || record["php_worker.retries"] != 0.0 {
		t.Errorf("the record says %v", record)
	}
	if exec, ok := record["php_worker.exec_ms"].(float64); !ok || exec < 20 {
		t.Errorf("exec_ms of a request of 20 ms is %v", record["php_worker.exec_ms"])
	}
	if queued, ok := record["php_worker.queue_ms"].(float64); !ok || queued < 0 {
		t.Errorf("queue_ms is %v", record["php_worker.queue_ms"])
	}
	words := strings.Fields(res.Header.Get("X-Who"))
	if len(words) != 3 || words[0] != strconv.Itoa(pid) || words[1] != fmt.Sprint(record["php_worker.queue_ms"]) || words[2] != fmt.Sprint(record["php_worker.exec_ms"]) {
		t.Errorf("the placeholders are %q, the record says %v", words, record)
	}
}
