package integration

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
)

func TestAPoolInACrashLoopCostsItsNeighbourNothing(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	script := func(body string) string {
		return fmt.Sprintf("<?php\n%s\nrequire '%s';\n", body, absolute(t, "testdata/chaos/worker.php"))
	}
	s := start(t, on(ports[0], chaosWorker(t, "workers 2", release("healthy")))+
		on(ports[1], "php_worker broken.php {\nname broken\nworkers 2\n}"), quiet, withFile("broken.php", script("")))
	healthy := s.settled("app", 2).serving()
	traffic := startTraffic(t, 4, always(base(ports[0])+"/"), nil)

	doomed := s.settled("broken", 2).serving()
	s.write("broken.php", script("exit(9);"))
	for _, pid := range doomed {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the pool fails again and again", func() bool { return s.pool("broken").BootFailures >= 4 })
	traffic.more(200)
	if status, _ := get(t, base(ports[1])+"/"); status != http.StatusServiceUnavailable {
		t.Errorf("the broken pool answers %d", status)
	}
	h := s.wantHealth(http.StatusServiceUnavailable)
	if !h.Pools["app"].Ready || h.Pools["broken"].Ready {
		t.Errorf("health says %+v", h)
	}
	traffic.more(200)
	traffic.end().wantNoFailure(t)
	if p := s.pool("app"); !slices.Equal(p.serving(), healthy) || p.BootFailures != 0 || len(p.Restarts) != 0 {
		t.Errorf("the workers of the healthy pool were %v, and now it is %+v", healthy, p)
	}

	s.write("broken.php", script("const RELEASE = 'mended';"))
	eventually(t, "the mended pool serves", func() bool {
		_, body := get(t, base(ports[1])+"/")
		return body == "mended"
	})
	s.wantHealth(http.StatusOK)
}
