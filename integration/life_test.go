package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// absolute is the full path of a file named relative to this package.
func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// lifeWorker is a php_worker directive that runs testdata/life/worker.php with
// these options.
func lifeWorker(t *testing.T, options ...string) string {
	t.Helper()
	return directive(absolute(t, "testdata/life/worker.php"), options...)
}

// wrappedWorker is the same behind testdata/life/wrapper.sh.
func wrappedWorker(t *testing.T, options ...string) string {
	t.Helper()
	command := fmt.Sprintf("command sh %q %q", absolute(t, "testdata/life/wrapper.sh"), absolute(t, "testdata/life/worker.php"))
	return "php_worker {\n" + strings.Join(append(options, command), "\n") + "\n}"
}

// directive runs a script given by its full path.
func directive(script string, options ...string) string {
	return fmt.Sprintf("php_worker * %q {\n%s\n}", script, strings.Join(options, "\n"))
}

// env is the option that sets a variable.
func env(name, value string) string { return fmt.Sprintf("env %s %q", name, value) }

// openGate makes the file that a worker waits for.
func openGate(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// waitRecords waits until n records have been logged whose message contains the
// text, and returns them.
func (s *server) waitRecords(message string, n int) []map[string]any {
	s.t.Helper()
	var found []map[string]any
	eventually(s.t, fmt.Sprintf("%q is logged %d times", message, n), func() bool {
		found = s.logs.records(message)
		return len(found) >= n
	})
	return found
}

// workers are the PIDs of the PHP processes, in order. No command of Caddy's may
// run meanwhile: it would be taken for one.
func (s *server) workers() []int {
	pids := phpProcesses(s.dir, s.cmd.Process.Pid)
	slices.Sort(pids)
	return pids
}

// gone reports whether none of the processes is left.
func (s *server) gone(pids []int) bool {
	return !slices.ContainsFunc(s.workers(), func(pid int) bool { return slices.Contains(pids, pid) })
}

// answer is what came of one request.
type answer struct {
	status int
	body   string
	err    error
}

// ask sends a request without judging the answer; it may be called from any
// goroutine.
func ask(ctx context.Context, method, url string, body io.Reader) answer {
	return askBy(ctx, client, method, url, body)
}

// fresh makes a new connection for every request: during a reload that may come
// to the new configuration, where one that is kept stays with the old.
var fresh = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// askFresh is ask by fresh.
func askFresh(ctx context.Context, method, url string) answer {
	return askBy(ctx, fresh, method, url, nil)
}

func askBy(ctx context.Context, client *http.Client, method, url string, body io.Reader) answer {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{err: err}
	}
	res, err := client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, body: string(text), err: err}
}

// inBackground sends a request; its answer can be received once.
func inBackground(t *testing.T, method, url string, body io.Reader) <-chan answer {
	got := make(chan answer, 1)
	go func() { got <- ask(t.Context(), method, url, body) }()
	return got
}

// load is a number of clients that send one request after the other.
type load struct {
	t       *testing.T
	quit    chan struct{}
	clients sync.WaitGroup

	mu      sync.Mutex
	answers []answer // in the order of arrival
}

// startLoad sends GET requests for the URL until end is called. Every second
// client makes a new connection for each.
func startLoad(t *testing.T, url string, clients int) *load {
	l := &load{t: t, quit: make(chan struct{})}
	for i := range clients {
		l.clients.Go(func() {
			for {
				select {
				case <-l.quit:
					return
				default:
				}
				var a answer
				if i%2 == 1 {
					a = askFresh(t.Context(), http.MethodGet, url)
				} else {
					a = ask(t.Context(), http.MethodGet, url, nil)
				}
				l.mu.Lock()
				l.answers = append(l.answers, a)
				l.mu.Unlock()
			}
		})
	}
	l.more(10)
	return l
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// more waits until n further answers have come.
func (l *load) more(n int) {
	l.t.Helper()
	n += l.count()
	eventually(l.t, "further answers come", func() bool { return l.count() >= n })
}

// end stops the clients, fails the test for every request that was not answered
// with 200, and returns how often each body came.
func (l *load) end() map[string]int {
	l.t.Helper()
	close(l.quit)
	l.clients.Wait()
	bodies := make(map[string]int)
	failed := 0
	for _, a := range l.answers {
		if a.err != nil || a.status != http.StatusOK {
			if failed++; failed <= 5 {
				l.t.Errorf("a request failed: status %d, error %v", a.status, a.err)
			}
			continue
		}
		bodies[a.body]++
	}
	l.t.Logf("%d requests, %d failed, answers: %v", len(l.answers), failed, bodies)
	return bodies
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
