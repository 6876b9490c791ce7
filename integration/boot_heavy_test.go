package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// callTime is how long each call of a service takes; a boot makes two.
const callTime = 35 * time.Millisecond

// services are a secret store and a feature flag service, in the shapes of
// Vault's KV version 2 and Flipt's evaluation API.
type services struct {
	*httptest.Server
	flagFile     string
	shout        atomic.Bool
	vault, flipt atomic.Int64 // calls
}

func newServices(t *testing.T) *services {
	t.Helper()
	v := &services{flagFile: filepath.Join(t.TempDir(), "flags.json")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/secret/data/app", func(w http.ResponseWriter, r *http.Request) {
		v.vault.Add(1)
		<-time.After(callTime)
		if r.Header.Get("X-Vault-Token") != "s.token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"data":{"data":{"greeting":"hello from the vault"},"metadata":{"version":1}}}`)
	})
	mux.HandleFunc("POST /evaluate/v1/boolean", func(w http.ResponseWriter, r *http.Request) {
		v.flipt.Add(1)
		<-time.After(callTime)
		var asked struct{ NamespaceKey, FlagKey string }
		if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.NamespaceKey != "default" || asked.FlagKey != "shout" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"enabled":%t,"reason":"DEFAULT_EVALUATION_REASON"}`, v.shout.Load())
	})
	v.Server = httptest.NewServer(mux)
	t.Cleanup(v.Close)
	v.set(t, false)
	return v
}

// set changes the flag in the service, and in the snapshot that stands for what
// the service streams to its clients. Nobody ever sees half a file.
func (v *services) set(t *testing.T, shout bool) {
	t.Helper()
	v.shout.Store(shout)
	next := v.flagFile + ".next"
	if err := os.WriteFile(next, fmt.Appendf(nil, `{"shout": %t}`, shout), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, v.flagFile); err != nil {
		t.Fatal(err)
	}
}

func (v *services) env() []string {
	return []string{"VAULT_ADDR=" + v.URL, "VAULT_TOKEN=s.token", "FLIPT_URL=" + v.URL, "FLAG_FILE=" + v.flagFile}
}

func (v *services) calls() string {
	return fmt.Sprintf("%d+%d", v.vault.Load(), v.flipt.Load())
}

// sample asks n times, one after the other, and returns the median time and the
// PIDs and boot times that the answers carry.
func sample(t *testing.T, url, want string, n int) (median time.Duration, boots map[string]float64) {
	t.Helper()
	boots = make(map[string]float64)
	times := make([]time.Duration, n)
	for i := range times {
		r := request(t, http.MethodGet, url, nil)
		begin := time.Now()
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		times[i] = time.Since(begin)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || string(body) != want {
			t.Fatalf("status %d, body %q (error %v), want %q", res.StatusCode, body, err, want)
		}
		boot, err := strconv.ParseFloat(res.Header.Get("X-Boot-Ms"), 64)
		if err != nil {
			t.Fatal(err)
		}
		boots[res.Header.Get("X-Worker-Pid")] = boot
	}
	slices.Sort(times)
	return times[n/2], boots
}

const (
	spoken  = "hello from the vault\n"
	shouted = "HELLO FROM THE VAULT!\n"
)

// It does not run beside other tests: it measures time.
func TestAResidentProcessPaysItsBootOnceAndFPMForEveryRequest(t *testing.T) {
	resident, perRequest := newServices(t), newServices(t)
	app := absolute(t, "../php/examples/boot-heavy")
	port := freePorts(t, 2)
	s := start(t, fmt.Sprintf(`
		http://127.0.0.1:%d {
			php_worker * %q {
				workers 2
			}
		}
		http://127.0.0.1:%d {
			root %q
			php_fastcgi unix/%s
		}`, port[0], filepath.Join(app, "worker.php"), port[1], app, startFPM(t, perRequest.env(), "-n")),
		func(o *setup) { o.env = append(o.env, resident.env()...) })
	s.waitRecords("worker ready", 2)
	ours, fpm := fmt.Sprintf("http://127.0.0.1:%d/", port[0]), fmt.Sprintf("http://127.0.0.1:%d/", port[1])

	for range 10 {
		resident.set(t, true)
		sample(t, ours, shouted, 1)
		resident.set(t, false)
		sample(t, ours, spoken, 1)
	}

	// A busy machine may spoil one round, but not three.
	best, boot := time.Hour, 0.0
	for range 3 {
		median, boots := sample(t, ours, spoken, 200)
		best = min(best, median)
		for _, ms := range boots {
			boot = max(boot, ms)
		}
	}
	if boot < 2*callTime.Seconds()*1000 {
		t.Errorf("the boot took %.1f ms: it made fewer than two calls", boot)
	}
	if best >= 2*callTime/10 {
		t.Errorf("the median latency is %v, not below a tenth of the boot's %v", best, 2*callTime)
	}
	if got := resident.calls(); got != "2+2" {
		t.Errorf("two workers made %s calls after 620 requests, want one of each per worker", got)
	}

	median, _ := sample(t, fpm, spoken, 10)
	if median < 2*callTime {
		t.Errorf("the median under FPM is %v, which is less than its two calls take", median)
	}
	perRequest.set(t, true)
	sample(t, fpm, shouted, 1)
	if got := perRequest.calls(); got != "11+11" {
		t.Errorf("FPM made %s calls for 11 requests", got)
	}
	t.Logf("boot %.1f ms, median %v resident and %v under FPM", boot, best, median)
}

// startFPM runs PHP-FPM with two children on a Unix socket, whose path it
// returns, until the test ends; with these flags besides.
func startFPM(t *testing.T, env []string, flags ...string) string {
	t.Helper()
	binary := findFPM(t)
	dir, err := os.MkdirTemp("", "fpm-") // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, config := filepath.Join(dir, "fpm.sock"), filepath.Join(dir, "fpm.conf")
	pool := ""
	arguments := append([]string{"-F", "-O", "-p", dir, "-y", config}, flags...)
	if os.Geteuid() == 0 {
		pool = "user = root\ngroup = root\n"
		arguments = append(arguments, "-R")
	}
	content := fmt.Sprintf("[global]\nerror_log = %s/fpm.log\n[www]\n%slisten = %s\nclear_env = no\npm = static\npm.max_children = 2\n", dir, pool, socket)
	if err := os.WriteFile(config, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, arguments...)
	cmd.Env = append(os.Environ(), env...)
	background(t, cmd)
	eventually(t, "PHP-FPM listens", func() bool { return exists(socket) })
	return socket
}

// findFPM finds PHP-FPM, whose name bears a version on many systems.
func findFPM(t *testing.T) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		found, _ := filepath.Glob(filepath.Join(dir, "php-fpm*"))
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !strings.HasSuffix(path, ".conf") {
				return path
			}
		}
	}
	t.Fatal("php-fpm is neither in PATH nor in /usr/sbin; this test compares with it: install it (for example the package php-fpm)")
	return ""
}
