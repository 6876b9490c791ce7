package integration

import (
	"fmt"
	"net/http"
	"testing"
)

func TestForceEndsAWorkerThatIsBeingStoppedAlready(t *testing.T) {
	t.Parallel()
	// The first worker takes its time when it is asked to end.
	script := fmt.Sprintf("<?php\nif (@mkdir('first')) {\n\tregister_shutdown_function(static function () { fwrite(STDERR, \"is slow to end\\n\"); sleep(600); });\n}\nrequire '%s';\n",
		absolute(t, "testdata/chaos/worker.php"))
	s, _ := site(t, "php_worker app.php {\nname app\nworkers 1\nstop_timeout 1h\n}", withFile("app.php", script))
	pid := s.settled("app", 1).serving()[0]
	route := fmt.Sprintf("/php_worker/pools/app/workers/%d", pid)
	s.wantAPI(http.StatusAccepted, http.MethodDelete, route, "")
	s.waitLog("is slow to end")
	s.wantAPI(http.StatusAccepted, http.MethodDelete, route+"?force=true", "")
	s.waitRecords("worker stopped", 1)
	if !s.gone([]int{pid}) {
		t.Errorf("worker %d is still there", pid)
	}
	s.settled("app", 1)
}
