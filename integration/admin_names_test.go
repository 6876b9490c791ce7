package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestTheAdminAPITakesANameWithASlashAsOneElement(t *testing.T) {
	t.Parallel()
	const name, escaped = "a/b %2Fö", "a%2Fb%20%252F%C3%B6"
	const pool = "/php_worker/pools/" + escaped
	s, _ := site(t, directive(absolute(t, "testdata/chaos/worker.php"), fmt.Sprintf("name %q", name), "workers 1"))
	first := s.settled(escaped, 1)
	if first.Name != name {
		t.Errorf("the pool is %q", first.Name)
	}
	if status, text := s.api(http.MethodGet, "/php_worker/pools/a/b", ""); status != http.StatusNotFound || !strings.Contains(text, `pools are: a/b`) {
		t.Errorf("without the escape: status %d, %s", status, text)
	}
	s.wantAPI(http.StatusOK, http.MethodPost, pool+"/restart?wait=true", "")
	second := s.settled(escaped, 1)
	if slices.Equal(first.serving(), second.serving()) {
		t.Errorf("the restart left %v in place", first.serving())
	}
	s.wantAPI(http.StatusOK, http.MethodPost, pool+"/scale", `{"min": 2}`)
	pid := s.settled(escaped, 2).serving()[0]
	s.wantAPI(http.StatusAccepted, http.MethodDelete, fmt.Sprint(pool, "/workers/", pid), "")
	eventually(t, "the worker is replaced", func() bool {
		p := s.pool(escaped)
		return len(p.serving()) == 2 && !slices.Contains(p.serving(), pid)
	})
}
