package workerpool

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

// upload sends as many requests of a size as the choice of a relay looks at.
func upload(t *testing.T, p *Pool, size int) {
	t.Helper()
	p.mu.Lock()
	p.choice.requests, p.choice.bytes = 0, 0
	p.mu.Unlock()
	body := strings.Repeat("z", size)
	for range choiceWindow {
		if got := ask(t, p, "answer", body); got != body {
			t.Fatalf("of %d bytes %d came back", size, len(got))
		}
	}
}

func haveRelay(t *testing.T, p *Pool, want string) {
	t.Helper()
	eventually(t, "all workers have the relay "+want, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		ready := 0
		for w := range p.workers {
			if string(w.relay) != want {
				return false
			}
			if w.state() == StateIdle {
				ready++
			}
		}
		return ready == p.desired
	})
	address := environ(t, p)["RR_RELAY"]
	if strings.HasPrefix(address, "unix://") != (want == "unix") {
		t.Errorf("a worker has the relay %s", address)
	}
}

func TestLargeRequestsGetASocketAndSmallOnesThePipeBack(t *testing.T) {
	p := start(t, self(2))
	upload(t, p, 100)
	haveRelay(t, p, "auto")
	upload(t, p, 2*socketAbove)
	haveRelay(t, p, "unix")

	upload(t, p, 100)
	haveRelay(t, p, "unix") // not so soon
	p.mu.Lock()
	p.choice.changed = time.Now().Add(-choicePause)
	p.mu.Unlock()
	upload(t, p, 100)
	haveRelay(t, p, "auto")
	booked(t, p, 4, ReasonRestart)
}

func TestWorkersThatKnowNoSocketsKeepTheirPipes(t *testing.T) {
	c := self(2)
	c.Env[bootEnv] = "no-socket"
	p, logs := startLogged(t, c)
	before := pids(p)
	upload(t, p, 2*socketAbove)
	eventually(t, "that is told", func() bool { return logs.FilterMessageSnippet("cannot use sockets").Len() == 1 })
	haveRelay(t, p, "auto")
	for pid := range pids(p) {
		if !before[pid] {
			t.Errorf("worker %d is new", pid)
		}
	}
	upload(t, p, 2*socketAbove)
	haveRelay(t, p, "auto")
	if n := logs.FilterLevelExact(zapcore.ErrorLevel).Len(); n > 0 {
		t.Errorf("%d errors are logged", n)
	}
	if s := p.Stats(); s.BootFailures > 0 || s.LastError != nil {
		t.Errorf("%d boot failures, %v", s.BootFailures, s.LastError)
	}
}

func TestAChosenRelayStays(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"stdio": func(c *Config) { c.Relay = RelayStdio }, "told": func(c *Config) { c.Env["RR_RELAY"] = "pipes" },
	} {
		t.Run(name, func(t *testing.T) {
			c := self(1)
			change(&c)
			p := start(t, c)
			upload(t, p, 2*socketAbove)
			upload(t, p, 100)
			if got := environ(t, p)["RR_RELAY"]; got != "pipes" || len(p.Stats().Restarts) > 0 {
				t.Errorf("the relay is %s after %v restarts", got, p.Stats().Restarts)
			}
		})
	}
}
