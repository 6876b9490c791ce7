//go:build linux

package workerpool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/workerpool/fastcgi"
)

// classic is a pool of n processes of a php-fpm or php-cgi, and the folder of its scripts.
type classic struct {
	*Pool
	dir  string
	logs *observer.ObservedLogs
}

// phpPrograms are those that classic pools are tested with.
func phpPrograms(t testing.TB) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for kind, names := range map[string][]string{"fpm": {"php-fpm", "php-fpm8.2", "/usr/sbin/php-fpm8.2"}, "cgi": {"php-cgi"}} {
		for _, name := range names {
			if path, err := exec.LookPath(name); err == nil {
				found[kind] = path
				break
			}
		}
	}
	if len(found) == 0 {
		t.Skip("neither php-fpm nor php-cgi is installed")
	}
	return found
}

// eachPHP runs a test with php-fpm and with php-cgi.
func eachPHP(t *testing.T, c Config, test func(*testing.T, classic)) {
	for kind, path := range phpPrograms(t) {
		t.Run(kind, func(t *testing.T) {
			c := c
			c.Command = []string{path}
			test(t, startClassic(t, c))
		})
	}
}

// withFPM runs a test with php-fpm.
func withFPM(t *testing.T, c Config) classic {
	t.Helper()
	path, ok := phpPrograms(t)["fpm"]
	if !ok {
		t.Skip("php-fpm is not installed")
	}
	c.Command = []string{path}
	return startClassic(t, c)
}

func startClassic(t testing.TB, c Config) classic {
	t.Helper()
	s := self(0)
	c.Name, c.Classic, c.Budget = "classic", &Classic{}, s.Budget
	if c.StopTimeout == 0 {
		c.StopTimeout = s.StopTimeout
	}
	if c.Max == 0 {
		c.Max = max(1, c.Min)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p, logs := startLogged(t, c)
	return classic{p, dir, logs}
}

func (c classic) isFPM() bool { return strings.Contains(filepath.Base(c.Config().Command[0]), "fpm") }

// php writes a script, and returns a request for it. GET with a body is POST.
func (c classic) php(t testing.TB, script string, body ...string) *Request {
	t.Helper()
	name := filepath.Join(c.dir, fmt.Sprintf("s%d.php", time.Now().UnixNano()))
	if err := os.WriteFile(name, []byte("<?php "+script), 0o644); err != nil {
		t.Fatal(err)
	}
	return phpRequest(t, name, body...)
}

func phpRequest(t testing.TB, name string, body ...string) *Request {
	t.Helper()
	params := [][2]string{
		{"SCRIPT_FILENAME", name}, {"SCRIPT_NAME", "/" + filepath.Base(name)}, {"REQUEST_URI", "/" + filepath.Base(name)},
		{"SERVER_PROTOCOL", "HTTP/1.1"}, {"GATEWAY_INTERFACE", "CGI/1.1"}, {"REDIRECT_STATUS", "200"}, {"REQUEST_METHOD", "GET"},
	}
	r := &Request{Repeatable: true}
	if len(body) > 0 {
		r.Repeatable = false
		r.Body, r.BodySize = strings.NewReader(body[0]), int64(len(body[0]))
		params[len(params)-1][1] = "POST"
		params = append(params, [2]string{"CONTENT_LENGTH", strconv.Itoa(len(body[0]))}, [2]string{"CONTENT_TYPE", "application/octet-stream"})
	}
	frame := fastcgi.BeginRequest(nil)
	for _, p := range params {
		frame = fastcgi.AppendParam(frame, p[0], p[1])
	}
	frame, err := fastcgi.FinishRequest(frame, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Frame = frame
	return r
}

// get has PHP run a script, and returns what it prints.
func (c classic) get(t testing.TB, script string, body ...string) string {
	t.Helper()
	return c.exec(t, c.php(t, script, body...))
}

func (c classic) exec(t testing.TB, r *Request) string {
	t.Helper()
	turn, err := c.Exec(t.Context(), r)
	if err != nil {
		t.Errorf("%v; %v", err, outputOf(err))
		return ""
	}
	return whole(t, turn)
}

func outputOf(err error) []string {
	if lost, ok := errors.AsType[*WorkerError](err); ok {
		return lost.Output
	}
	return nil
}

// processes are the PHP processes whose parent is that of the pool's workers.
func (c classic) processes(t testing.TB) []int {
	t.Helper()
	worker := 0
	for pid := range pids(c.Pool) {
		worker = pid
	}
	return childrenOf(t, parentOf(t, worker))
}

func parentOf(t testing.TB, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	return parent
}

func childrenOf(t testing.TB, parent int) (all []int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

// logged waits for a log record that has all of these words in its message or fields.
func (c classic) logged(t testing.TB, message string, fields ...zap.Field) {
	t.Helper()
	eventually(t, "it is logged: "+message, func() bool {
		found := c.logs.FilterMessageSnippet(message)
		for _, f := range fields {
			found = found.FilterField(f)
		}
		return found.Len() > 0
	})
}

func TestClassicAnswersAsPHPDoes(t *testing.T) {
	eachPHP(t, Config{Min: 2}, func(t *testing.T, c classic) {
		turn, err := c.Exec(t.Context(), c.php(t, `header("X-Test: yes"); http_response_code(201); echo getmypid();`))
		if err != nil {
			t.Fatal(err)
		}
		head, body, pid := string(turn.Frame.Context()), string(turn.Frame.Body()), turn.PID
		if turn.Open() {
			t.Error("a small answer is no whole one")
		}
		turn.Close()
		if !strings.Contains(head, "Status: 201") || !strings.Contains(head, "X-Test: yes") || strings.HasSuffix(head, "\n") {
			t.Errorf("head %q", head)
		}
		if body != strconv.Itoa(pid) || !pids(c.Pool)[pid] {
			t.Errorf("process %s answered, and the pool says %d of %v", body, pid, pids(c.Pool))
		}
		for i := range 50 {
			if got := c.get(t, fmt.Sprintf(`echo file_get_contents("php://input"), %d;`, i), "body "); got != fmt.Sprint("body ", i) {
				t.Fatalf("got %q", got)
			}
		}
	})
}

// visits is PHP code that reports at the gate and waits there.
func visits(g *gate) string {
	return fmt.Sprintf(`$g = stream_socket_client("unix://%s"); fwrite($g, getmypid() . "\n"); fread($g, 1);`, g.path)
}
