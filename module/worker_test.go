package module

import (
	"encoding/json"
	"os"
	"testing"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// workerEnv makes the test binary a worker instead of running tests.
const workerEnv = "MODULE_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) == "" {
		os.Exit(m.Run())
	}
	if os.Getenv(workerEnv) == "broken" {
		os.Stderr.WriteString("this worker is broken\n")
		os.Exit(1)
	}
	work()
}

// work answers every request with 200 and its process id.
func work() {
	conn := goridge.NewConn(os.NewFile(3, "requests"), os.NewFile(4, "answers"), goridge.Options{})
	for {
		var f goridge.Frame
		if conn.ReadFrame(&f) != nil {
			os.Exit(0)
		}
		var order struct {
			PID  int
			Stop bool
		}
		switch {
		case !f.IsControl():
			const head = `{"status":200,"headers":{"X-Worker":["test"]}}`
			frame := append(goridge.BeginRequest(nil), head...)
			goridge.FinishRequest(frame, 0, goridge.CodecJSON, len(head), 0)
			_, _ = conn.Write(goridge.PlainRequest(frame))
		case json.Unmarshal(f.Payload, &order) != nil || order.Stop:
			os.Exit(0)
		default:
			_, _ = conn.Write(goridge.AppendControlPID(nil, os.Getpid()))
		}
		f.Release()
	}
}

// ours is a pool of that name whose workers are this test binary.
func ours(name string, workers Workers) PoolConfig {
	return PoolConfig{
		Name: name, Command: []string{os.Args[0]}, Workers: &workers,
		// With the race detector a process would linger for a second at its end.
		Env: map[string]string{workerEnv: "1", "GORACE": "atexit_sleep_ms=0"},
	}
}

// acquired is a pool that the test holds, and gives up at its end unless it has
// done so itself. It is not started.
func acquired(t *testing.T, c PoolConfig) (p *pool, release func()) {
	t.Helper()
	if err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	key, err := c.key()
	if err != nil {
		t.Fatal(err)
	}
	p, err = shared.acquire(key, c, "", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	released := false
	release = func() {
		if !released {
			released = true
			p.release()
		}
	}
	t.Cleanup(func() {
		release()
		_ = p.Close(t.Context()) // its context has ended: whoever is left is killed
	})
	return p, release
}

// serves starts a pool and lets it serve under its name.
func serves(t *testing.T, c PoolConfig) *pool {
	t.Helper()
	p, _ := acquired(t, c)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.publish()
	return p
}
