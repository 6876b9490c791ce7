package integration

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// poolView is a pool as the admin API shows it.
type poolView struct {
	Name         string
	Desired      int
	Min, Max     int
	Queue        int
	Restarting   bool
	Restarts     map[string]int
	BootFailures int `json:"boot_failures"`
	Rejected     map[string]int
	HeldBytes    int64  `json:"held_bytes"`
	MaxHeldBytes int64  `json:"max_held_bytes"`
	LastError    string `json:"last_error"`
	Workers      []workerView
}

type workerView struct {
	PID         int
	State       string
	Requests    int
	MemoryBytes int64   `json:"memory_bytes"`
	BusyMS      float64 `json:"busy_ms"`
	Due         string
	Generation  int
	DrainsUntil string `json:"drains_until"`
}

// restartView is what the admin API says of a restart.
type restartView struct {
	Status   string
	Draining []workerView
}

// api calls Caddy's admin endpoint.
func (s *server) api(method, path, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.admin+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// wantAPI calls the admin endpoint, expects the status, and returns the body.
func (s *server) wantAPI(status int, method, path, body string) string {
	s.t.Helper()
	got, text := s.api(method, path, body)
	if got != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, got, status, text)
	}
	return text
}

// pool shows the pool of that name.
func (s *server) pool(name string) (p poolView) {
	s.t.Helper()
	decode(s.t, []byte(s.wantAPI(http.StatusOK, http.MethodGet, "/php_worker/pools/"+name, "")), &p)
	return p
}

// load gives Caddy other sites over the admin API, as "caddy reload" does.
func (s *server) load(sites string) (int, string) {
	s.t.Helper()
	s.writeCaddyfile(sites)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.admin+"/load", strings.NewReader(s.caddyfile(sites)))
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	r.Header.Set("Content-Type", "text/caddyfile")
	r.Header.Set("Cache-Control", "must-revalidate")
	// The admin endpoint of the configuration before may just be closing the connection that is kept: with this
	// Go's client asks again over another one.
	r.Header.Set("Idempotency-Key", "load")
	defer forgetConnections()
	return do(s.t, r)
}

// in are the PIDs of the workers in one of the states, in order.
func (p poolView) in(states ...string) []int {
	var pids []int
	for _, w := range p.Workers {
		if slices.Contains(states, w.State) {
			pids = append(pids, w.PID)
		}
	}
	slices.Sort(pids)
	return pids
}

// serving are the PIDs of the workers that take requests.
func (p poolView) serving() []int { return p.in("idle", "busy") }

// settled waits until the pool has n workers and all of them take requests.
func (s *server) settled(pool string, n int) (p poolView) {
	s.t.Helper()
	eventually(s.t, "the pool has its workers", func() bool {
		p = s.pool(pool)
		return len(p.serving()) == n && len(p.Workers) == n
	})
	return p
}

// quiet keeps the admin endpoint's own records, of which a test that polls makes
// thousands, out of the log.
var quiet = withGlobal("log {\n\texclude admin.api\n}")

// chaosWorker is a directive that runs testdata/chaos/worker.php in a pool named
// "app".
func chaosWorker(t *testing.T, options ...string) string {
	t.Helper()
	return directive(absolute(t, "testdata/chaos/worker.php"), append([]string{"name app"}, options...)...)
}
