package integration

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestThePoolLogsForTheConfigurationThatServes(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	shared := on(port, lifeWorker(t, "name shared", "workers 1"))
	s := start(t, shared)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	broken := on(freePorts(t, 1)[0], directive(s.write("broken.php", "<?php exit(9);"), "name broken", "workers 1"))
	late := fmt.Sprintf("http://%s {\nbind 127.0.0.1\nrespond taken\n}\n", taken.Addr())
	// The port that is taken comes after the pools or before them: Caddy starts its
	// apps in no particular order.
	for i, more := range []string{broken, late, late, late, late, late, late} {
		why := fmt.Sprintf("rejection-%d", i)
		s.write("global", fmt.Sprintf("log {\noutput file %q\n}\n", filepath.Join(s.dir, why+".log")))
		if status, said := s.load(shared + more); status != http.StatusBadRequest {
			t.Fatalf("the reload should have been rejected: status %d, %s", status, said)
		}
		askFresh(t.Context(), http.MethodGet, base(port)+"/say?line=after-"+why)
		s.waitLog("after-" + why)
	}

	file := filepath.Join(s.dir, "next.log")
	s.write("global", fmt.Sprintf("log {\noutput file %q\n}\n", file))
	if status, said := s.load(shared); status != http.StatusOK {
		t.Fatalf("reloading: status %d, %s", status, said)
	}
	askFresh(t.Context(), http.MethodGet, base(port)+"/say?line=to-the-next")
	eventually(t, "the new configuration's log has the line", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), "to-the-next")
	})
}
