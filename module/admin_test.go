package module

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// admin asks the API. Its status is that of the error where there is one.
func admin(t *testing.T, method, path, body string) (status int, text string, header http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	err := adminAPI{}.serve(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if refused, ok := errors.AsType[caddy.APIError](err); ok {
		return refused.HTTPStatus, refused.Err.Error(), w.Header()
	}
	if err != nil {
		t.Fatalf("%s %s: %v is no error of an API", method, path, err)
	}
	return w.Code, w.Body.String(), w.Header()
}

func TestTheAdminAPIKnowsItsRoutesAndNoOthers(t *testing.T) {
	p := serves(t, ours("a/b", Workers{Min: 1, Max: 1}))
	pid := p.Stats().Workers[0].PID
	serves(t, ours("idle", Workers{Min: 0, Max: 1})) // it has no process, so far
	const pools = "/php_worker/pools"
	for _, test := range []struct {
		method, path, body string
		status             int
		say                string
	}{
		{"GET", pools, "", 200, `[{"name":"a/b"`},
		{"GET", pools + "/", "", 200, `[{"name":"a/b"`},
		{"POST", pools, "", 405, "method POST is not allowed here, only GET"},
		{"GET", pools + "/a%2Fb", "", 200, `{"name":"a/b","mode":"worker","desired":1,"min":1,"max":1,"queue":0,"restarting":false,"restarts":{},"boot_failures":0,`},
		{"DELETE", pools + "/a%2Fb", "", 405, "only GET"},
		{"GET", pools + "/a/b", "", 404, `there is no pool "a"; the pools are: a/b, idle`},
		{"GET", pools + "/a%2Fb/workers", "", 404, "there is no /php_worker/pools/a%2Fb/workers"},
		{"GET", "/php_worker/", "", 404, "there is no /php_worker/"},
		{"GET", "/php_worker/poolside", "", 404, "there is no /php_worker/poolside"},

		{"POST", pools + "/idle/scale", `{"min":2}`, 200, `"min":2,"max":2`},
		{"POST", pools + "/idle/scale", `{"min":0,"max":3}`, 200, `"min":0,"max":3`},
		{"POST", pools + "/idle/scale", `{"min":1,"max":1}`, 200, `"min":1,"max":1`},
		{"POST", pools + "/a%2Fb/scale", `{"min":3,"max":2}`, 400, "maximum"},
		{"POST", pools + "/a%2Fb/scale", `{"min":-1}`, 400, ""},
		{"POST", pools + "/a%2Fb/scale", `{"max":2}`, 400, "the body must be"},
		{"POST", pools + "/a%2Fb/scale", `{"min":1,"more":2}`, 400, "the body must be"},
		{"POST", pools + "/a%2Fb/scale", `{"min":` + strings.Repeat(" ", 2000) + `1}`, 400, "the body must be"},
		{"POST", pools + "/a%2Fb/scale", ``, 400, "the body must be"},
		{"GET", pools + "/a%2Fb/scale", ``, 405, "only POST"},

		{"DELETE", pools + "/a%2Fb/workers/me", "", 400, `"me" is not a process id`},
		{"DELETE", pools + "/a%2Fb/workers/1", "", 404, ""},
		{"DELETE", pools + "/a%2Fb/workers/1/2", "", 404, "there is no"},
		{"DELETE", fmt.Sprint(pools, "/a%2Fb/workers/", pid, "?force=perhaps"), "", 400, "force must be true or false"},
		{"GET", fmt.Sprint(pools, "/a%2Fb/workers/", pid), "", 405, "only DELETE"},

		{"GET", pools + "/a%2Fb/restart", "", 405, "only POST"},
		{"POST", pools + "/a%2Fb/restart?wait=long", "", 400, "wait must be true, false or drained"},
	} {
		status, text, header := admin(t, test.method, test.path, test.body)
		if status != test.status || !strings.Contains(text, test.say) {
			t.Errorf("%s %s %s: %d %s, want %d and %q", test.method, test.path, test.body, status, text, test.status, test.say)
		}
		if _, only, ok := strings.Cut(test.say, "only "); ok && header.Get("Allow") != only {
			t.Errorf("%s %s: Allow is %q, want %q", test.method, test.path, header.Get("Allow"), only)
		}
	}
	if now := p.Stats().Workers; len(now) != 1 || now[0].PID != pid {
		t.Errorf("what was refused has changed the workers: %+v", now)
	}
}

func TestARestartAnswersWhenItIsAskedTo(t *testing.T) {
	p := serves(t, ours("app", Workers{Min: 1, Max: 1}))
	pid := p.Stats().Workers[0].PID
	for _, query := range []string{"?wait=true", "?wait=drained", "?wait=1"} {
		status, text, _ := admin(t, "POST", "/php_worker/pools/app/restart"+query, "")
		var out restartStatus
		if err := json.Unmarshal([]byte(text), &out); err != nil || status != 200 || out.Status != "restarted" {
			t.Fatalf("%s: %d %s", query, status, text)
		}
		if query == "?wait=drained" && len(out.Draining) > 0 {
			t.Errorf("still draining: %+v", out.Draining)
		}
	}
	status, text, _ := admin(t, "POST", "/php_worker/pools/app/restart", "")
	if status != 202 || !strings.Contains(text, `"restarting"`) {
		t.Errorf("without waiting: %d %s", status, text)
	}
	for _, w := range p.Stats().Workers {
		if w.PID == pid {
			t.Errorf("worker %d is there after three restarts that were waited for", pid)
		}
	}
}

func TestARestartThatNobodyWaitsForAnyMoreSaysSo(t *testing.T) {
	serves(t, ours("app", Workers{Min: 1, Max: 1}))
	gone, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequest("POST", "/php_worker/pools/app/restart?wait=true", nil).WithContext(gone)
	err := adminAPI{}.serve(httptest.NewRecorder(), r)
	if refused, ok := errors.AsType[caddy.APIError](err); !ok || refused.HTTPStatus != statusClientClosed {
		t.Errorf("%v", err)
	}
}

func TestReadinessSaysWhatAPoolLacks(t *testing.T) {
	broken := ours("broken", Workers{Min: 1, Max: 1})
	broken.Env[workerEnv] = "broken"
	failing, _ := acquired(t, broken)
	if failing.Start(t.Context()) == nil {
		t.Fatal("a broken worker has started")
	}
	unstarted, _ := acquired(t, ours("unstarted", Workers{Min: 1, Max: 1}))
	onDemand, _ := acquired(t, ours("on demand", Workers{Min: 0, Max: 1}))
	serving, _ := acquired(t, ours("serving", Workers{Min: 1, Max: 1}))
	if err := serving.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[*pool]string{
		failing: "workers cannot start", unstarted: "no worker is ready", onDemand: "", serving: "",
	} {
		if got := p.unreadiness(); got != want {
			t.Errorf("the pool %s: %q, want %q", p.name, got, want)
		}
	}
}

func TestHealthTellsEachPoolAndIsNotReadyWithoutAConfiguration(t *testing.T) {
	p := serves(t, ours("app", Workers{Min: 1, Max: 1}))
	get := func() (int, healthStatus) {
		status, text, _ := admin(t, "GET", "/php_worker/health", "")
		var h healthStatus
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			t.Fatal(err)
		}
		return status, h
	}
	// No configuration of Caddy runs in this test.
	if status, h := get(); status != 503 || h.Ready || !h.Live || h.Pools["app"] != (poolHealth{Ready: true}) {
		t.Errorf("%d %+v", status, h)
	}
	p.unpublish()
	shared.starts(p)
	defer p.publish()
	if status, h := get(); status != 503 || h.Pools["app"] != (poolHealth{Reason: "starting"}) {
		t.Errorf("while it starts: %d %+v", status, h)
	}
}

func TestAStatusHasWhatTheEngineSays(t *testing.T) {
	w := statusOfWorker(workerpool.WorkerInfo{PID: 7, State: workerpool.StateBusy, Served: 3, Memory: 4096, Busy: 1500000, Due: workerpool.ReasonMaxMemory, Generation: 2})
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"pid":7,"state":"busy","started":"0001-01-01T00:00:00Z","requests":3,"memory_bytes":4096,"busy_ms":1.5,"due":"max_memory","generation":2}`; string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
}
