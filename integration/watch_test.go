package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func TestWatchRestartsTheWorkersWhenAFileChanges(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 2\nwatch\n}", withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '1';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))), quiet)
	s.settled("app", 2)
	traffic := startTraffic(t, 2, always(url+"/"), nil)
	serves := func(release string) {
		t.Helper()
		eventually(t, "release "+release+" serves alone", func() bool {
			_, body := get(t, url+"/")
			return body == release && !s.pool("app").Restarting
		})
	}
	s.code("app.php", 2) // as an editor does: a new file takes the name
	serves("2")
	s.write("src/deep/below.php", "<?php // a new folder is watched as well\n")
	eventually(t, "the workers are replaced", func() bool { return s.pool("app").Restarts["watch"] >= 4 })
	s.write("app.php", "<?php\nparse error here\n")
	s.waitLog("the changed code does not start; the old workers keep serving")
	serves("2")
	s.code("app.php", 3)
	serves("3")
	traffic.end().wantNoFailure(t)
}

func TestWatchLeavesFilesAloneThatNoPatternNames(t *testing.T) {
	t.Parallel()
	s, _ := site(t, "php_worker app.php {\nname app\nworkers 1\nwatch *.php config/*.yaml\n}",
		withFile("app.php", fmt.Sprintf("<?php\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))), withFile("config/a.yaml", ""))
	first := s.settled("app", 1).serving()[0]
	s.write("deep/below.php", "<?php\n")
	s.write("notes.txt", "")
	s.write("config/b.php", "")
	if err := os.Chmod(filepath.Join(s.dir, "app.php"), 0o600); err != nil { // its content is the same
		t.Fatal(err)
	}
	s.write("config/a.yaml", "changed: true") // and one that counts, to know that the others came before it
	record := s.waitLog("a file has changed")
	if file, _ := record["file"].(string); filepath.Base(file) != "a.yaml" {
		t.Errorf("the workers were restarted for %q", file)
	}
	eventually(t, "the worker is replaced", func() bool {
		p := s.pool("app")
		return !p.Restarting && len(p.Workers) == 1 && len(p.serving()) == 1 && p.serving()[0] != first
	})
	if restarts := s.pool("app").Restarts; restarts["watch"] != 1 || len(s.logs.records("a file has changed")) != 1 {
		t.Errorf("restarts: %v", restarts)
	}
	s.wantAPI(http.StatusOK, http.MethodGet, "/php_worker/health", "")
}
