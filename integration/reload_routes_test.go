package integration

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// routed is what a request tells of the routes that it has passed.
type routed struct {
	status int
	body   string
	header []string // what each configuration adds to the answer
	err    error
}

// askRouted asks over a new connection, without judging the answer.
func askRouted(t *testing.T, url string) (a routed) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return routed{err: err}
	}
	res, err := fresh.Do(r)
	if err != nil {
		return routed{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return routed{res.StatusCode, string(body), res.Header["X-Routes"], err}
}

// Without handover the listeners of both configurations get what is new while the new one
// starts, where Caddy happens to begin with the listeners. Each request is the affair of the
// one that it came to.
func TestARequestDuringAReloadPassesTheRoutesOfOneConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pool   string // of the new configuration
		script string // and what it runs behind its gate; "": the same as before
		want   func(a routed) bool
	}{
		"and waits for a pool that is new": {"name new", "", func(a routed) bool {
			return a.status == http.StatusOK && a.body == a.header[0]
		}},
		"and is answered by the pool so far under the name": {"name old", "", func(a routed) bool {
			return a.status == http.StatusOK && (a.body == "old" || a.body == a.header[0])
		}},
		"and gets 503 where that one is rejected": {"name new", "throw new RuntimeException('no');", func(a routed) bool {
			return a.header[0] == "old" && a.status == http.StatusOK && a.body == "old" ||
				a.header[0] == "new" && a.status == http.StatusServiceUnavailable
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			conf := func(name string, worker string) string {
				return on(port, "log", "header +X-Routes "+name, "respond /conf "+name, worker)
			}
			old := conf("old", lifeWorker(t, "name old", "workers 2", release("old")))
			for range 30 { // Caddy begins with the listeners every other time
				s := start(t, old, withGlobal("servers {\n}"))
				gate := filepath.Join(t.TempDir(), "gate")
				worker := lifeWorker(t, c.pool, "workers 2", release("new"), env("BOOT_GATE", gate))
				if c.script != "" {
					worker = directive(s.write("new.php", fmt.Sprintf(`<?php
						fwrite(STDERR, "waits at its gate\n");
						while (!file_exists('%s')) usleep(1000);
						%s`, gate, c.script)), c.pool)
				}
				loaded := make(chan int, 1)
				go func() {
					status, _ := s.load(conf("new", worker))
					loaded <- status
				}()
				s.waitLog("waits at its gate")
				both := false
				for range 40 {
					both = both || askRouted(t, base(port)+"/conf").body == "new"
				}
				if !both {
					openGate(t, gate)
					<-loaded
					s.stop()
					continue
				}
				const n = 40
				answers := make(chan routed, n)
				for i := range n {
					go func() { answers <- askRouted(t, fmt.Sprintf("%s/?n=%d.", base(port), i)) }()
				}
				first := <-answers // some have come, wherever to
				openGate(t, gate)
				came := 0
				for a := first; ; a = <-answers {
					// Without handover, the end of a listener may cost those that wait at it their connection.
					if a.err == nil && (len(a.header) != 1 || !c.want(a)) {
						t.Errorf("got %+v", a)
					}
					if came++; came == n {
						break
					}
				}
				<-loaded
				s.stop() // all has been logged
				for i := range n {
					lines := slices.DeleteFunc(s.logs.records("handled request"), func(r map[string]any) bool {
						uri, _ := r["request"].(map[string]any)["uri"].(string)
						return !strings.HasSuffix(uri, fmt.Sprintf("/?n=%d.", i))
					})
					if len(lines) > 1 {
						t.Errorf("request %d has %d lines in the access log", i, len(lines))
					}
				}
				return
			}
			t.Error("in 30 reloads no request came to the new configuration before its pool was ready")
		})
	}
}
