package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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

// The page of before would tell a developer that all is well.
func TestWithWatchAndDebugCodeThatDoesNotStartIsShownUntilItIsMended(t *testing.T) {
	t.Parallel()
	s, url := site(t, "php_worker app.php {\nname app\nworkers 2\nwatch\ndebug\n}", withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '1';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))))
	s.settled("app", 2)
	answers := func(status int, part string) {
		t.Helper()
		eventually(t, fmt.Sprintf("the answer is %d with %q", status, part), func() bool {
			got, body := get(t, url+"/")
			return got == status && strings.Contains(body, part)
		})
	}
	s.write("app.php", "<?php\nparse error here\n")
	answers(http.StatusInternalServerError, "syntax error, unexpected identifier")
	s.write("app.php", "<?php\nthrow new Exception('another fault');\n")
	answers(http.StatusInternalServerError, "another fault")
	s.code("app.php", 2)
	answers(http.StatusOK, "2")
}

func TestWatchSeesAnotherChangeWhileARequestStillRuns(t *testing.T) {
	t.Parallel()
	gate := newGate(t)
	s, url := site(t, "php_worker app.php {\nname app\nworkers 1\nwatch\n}", withFile("app.php", fmt.Sprintf("<?php\nconst RELEASE = '1';\nrequire '%s';\n", absolute(t, "testdata/chaos/worker.php"))), quiet)
	answer := inBackground(t, http.MethodGet, url+"/wait?gate="+gate.path, nil)
	s.waitLog("waits")
	s.write("app.php", "<?php\nfwrite(STDERR, \"hangs in its boot\\n\");\nsleep(3600);\n")
	s.waitLog("hangs in its boot")
	for release := int64(2); release <= 3; release++ {
		s.code("app.php", release)
		eventually(t, fmt.Sprintf("release %d answers", release), func() bool {
			_, body := get(t, url+"/")
			return body == fmt.Sprint(release)
		})
	}
	gate.open("done")
	if a := <-answer; a.status != http.StatusOK || a.body != "done" {
		t.Errorf("the request under way: %+v", a)
	}
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
