package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for something that must happen. It is long,
// for the machine may be busy: no test measures time with it.
const patience = 60 * time.Second

// server is a running Caddy.
type server struct {
	t     *testing.T
	cmd   *exec.Cmd
	admin string // host:port
	env   []string
	dir   string // of the Caddyfile
	done  chan struct{}
	err   error // of Wait; read after done
	logs  *logs
}

// lastPort is the port given out last. They come from below the range that the
// system takes for outgoing connections, and each is given out once: Caddy's
// listeners share a port with those of another Caddy without an error, and two
// tests would get each other's requests.
var lastPort atomic.Int32

// freePorts returns n loopback ports that nobody listens on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	lastPort.CompareAndSwap(0, int32(10_000+os.Getpid()%10_000))
	var ports []int
	for len(ports) < n {
		port := int(lastPort.Add(1))
		if port > 32_000 {
			t.Fatal("no free port is left")
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			ports = append(ports, port)
		}
	}
	return ports
}

// site starts Caddy with one plain HTTP site, whose block is body, and returns
// it with its base URL. It waits until Caddy serves.
func site(t *testing.T, body string, options ...option) (*server, string) {
	t.Helper()
	port := freePorts(t, 1)[0]
	s := start(t, fmt.Sprintf("http://127.0.0.1:%d {\n%s\n}\n", port, body), options...)
	return s, fmt.Sprintf("http://127.0.0.1:%d", port)
}

// option changes how Caddy is started.
type option func(*setup)

type setup struct {
	global string   // lines for the global options block
	env    []string // added to the environment
	fails  bool     // the start is expected to fail
	files  map[string]string
	tune   func(*exec.Cmd)
}

func withGlobal(lines string) option { return func(s *setup) { s.global += lines + "\n" } }
func withEnv(entry string) option    { return func(s *setup) { s.env = append(s.env, entry) } }

// withCommand changes the command just before it starts.
func withCommand(tune func(*exec.Cmd)) option { return func(s *setup) { s.tune = tune } }

// withFile puts a file into the folder that Caddy runs in.
func withFile(name, content string) option {
	return func(s *setup) {
		if s.files == nil {
			s.files = make(map[string]string)
		}
		s.files[name] = content
	}
}

// start runs Caddy with the Caddyfile (sites only; the global block is made
// here) and waits until it serves. The end of the test stops it, and fails if a
// process of it is left.
func start(t *testing.T, sites string, options ...option) *server {
	t.Helper()
	s := launch(t, sites, options...)
	s.waitLog("serving initial configuration")
	return s
}

// startFails runs Caddy with a configuration that it must refuse, and returns
// what it said.
func startFails(t *testing.T, sites string, options ...option) string {
	t.Helper()
	s := launch(t, sites, options...)
	s.waitExit()
	if s.err == nil {
		t.Fatalf("caddy should have refused this configuration:\n%s", s.logs.text())
	}
	return s.logs.text()
}

func launch(t *testing.T, sites string, options ...option) *server {
	t.Helper()
	var o setup
	for _, f := range options {
		f(&o)
	}
	s := &server{t: t, dir: t.TempDir(), done: make(chan struct{}), logs: newLogs()}
	for name, content := range o.files {
		s.write(name, content)
	}
	s.admin = fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
	s.write("global", o.global)
	s.writeCaddyfile(sites)
	s.env = append(os.Environ(), "XDG_DATA_HOME="+filepath.Join(s.dir, "data"), "XDG_CONFIG_HOME="+filepath.Join(s.dir, "config"))
	s.env = append(s.env, o.env...)
	s.cmd = exec.Command(caddyBinary, "run")
	s.cmd.Dir, s.cmd.Env = s.dir, s.env
	s.cmd.Stdout, s.cmd.Stderr = s.logs, s.logs
	s.cmd.WaitDelay = 5 * time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if o.tune != nil {
		o.tune(s.cmd)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		s.logs.close()
		close(s.done)
	}()
	caddies.Store(s.dir, s.cmd.Process.Pid)
	t.Cleanup(s.stop)
	return s
}

// write puts a file into the server's folder and returns its path.
func (s *server) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Error(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Error(err)
	}
	return path
}

func (s *server) writeCaddyfile(sites string) { s.write("Caddyfile", s.caddyfile(sites)) }

// caddyfile is a whole Caddyfile with these sites.
func (s *server) caddyfile(sites string) string {
	global, _ := os.ReadFile(filepath.Join(s.dir, "global"))
	if !bytes.Contains(global, []byte("servers {")) {
		global = append(global, "servers {\nlistener_wrappers {\nhandover\ntls\n}\n}\n"...)
	}
	return fmt.Sprintf("{\n\tadmin %s\n\tskip_install_trust\n\tauto_https disable_redirects\n%s%s}\n%s", s.admin, listening, global, sites)
}

// listening lets Caddy say what net/http says, which it keeps to itself otherwise: that a
// handler has panicked, above all.
const listening = "\tlog stdlib {\n\t\tinclude http.stdlib\n\t\tlevel DEBUG\n\t\toutput stderr\n\t}\n"

// reload loads other sites and returns what "caddy reload" printed, and its
// error.
func (s *server) reload(sites string) (string, error) {
	s.t.Helper()
	s.writeCaddyfile(sites)
	defer forgetConnections()
	return s.caddy("reload", "--address", s.admin, "--force")
}

// forgetConnections closes those of our client that wait for a request: for a moment after a reload has returned, Caddy may still
// serve them with the configuration before.
func forgetConnections() { client.CloseIdleConnections() }

// caddy runs a command of the binary in the server's folder and environment.
func (s *server) caddy(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, caddyBinary, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *server) waitExit() {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Signal(syscall.SIGABRT) // prints what every goroutine does
		<-s.done
		s.t.Fatalf("caddy did not end:\n%s", s.logs.text())
	}
}

// stop ends Caddy politely and checks that nothing is left of it.
func (s *server) stop() {
	select {
	case <-s.done:
	default:
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		s.waitExit()
	}
	waitNoWorkers(s.t, s.dir)
	if strings.Contains(s.logs.text(), "panic serving") {
		s.t.Error("a handler has panicked")
	}
	if s.t.Failed() {
		s.t.Logf("caddy said:\n%s", s.logs.text())
	}
}

// signal sends Caddy a signal.
func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// phpProcesses are the processes that belong to the server in dir, by what belongs says.
func phpProcesses(dir string, except int) []int {
	var pids []int
	sockets := classicSockets(dir)
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == except || pid == os.Getpid() {
			continue
		}
		if belongs(pid, dir, sockets) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// waitNoWorkers waits, one second as the promise says (more where the machine is
// busy: see the callers that measure), until no process of the server is left.
func waitNoWorkers(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "no process of the server is left", func() bool { return len(phpProcesses(dir, 0)) == 0 })
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// get fetches a URL and returns status and body.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return do(t, request(t, http.MethodGet, url, nil))
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// client follows no redirect and never waits for ever.
var client = &http.Client{
	Timeout:       patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	return res.StatusCode, string(body)
}

// logs collects what Caddy prints; its records can be waited for.
type logs struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	closed bool
	more   chan struct{} // replaced at every write
}

func newLogs() *logs { return &logs{more: make(chan struct{})} }

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p)
	close(l.more)
	l.more = make(chan struct{})
	return len(p), nil
}

func (l *logs) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	close(l.more)
	l.more = make(chan struct{})
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// records are the JSON log lines whose message contains the text.
func (l *logs) records(message string) []map[string]any {
	var found []map[string]any
	for scan := bufio.NewScanner(strings.NewReader(l.text())); scan.Scan(); {
		var record map[string]any
		if json.Unmarshal(scan.Bytes(), &record) == nil {
			if msg, _ := record["msg"].(string); strings.Contains(msg, message) {
				found = append(found, record)
			}
		}
	}
	return found
}

// waitLog waits for a record whose message contains the text, and returns it.
func (s *server) waitLog(message string) map[string]any {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.logs.mu.Lock()
		more, closed := s.logs.more, s.logs.closed
		s.logs.mu.Unlock()
		if found := s.logs.records(message); len(found) > 0 {
			return found[0]
		}
		if closed {
			s.t.Fatalf("caddy ended without saying %q:\n%s", message, s.logs.text())
		}
		select {
		case <-more:
		case <-deadline.C:
			s.t.Fatalf("caddy did not say %q:\n%s", message, s.logs.text())
		}
	}
}
