package module

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/classic"
)

// deployed is a folder with releases, each with an index.php of its own and the file "only-<release>.php", and a link that names one.
type deployed struct {
	t   *testing.T
	dir string
}

func newDeployed(t *testing.T, releases ...string) deployed {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range releases {
		if err := os.MkdirAll(filepath.Join(dir, release), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"index.php", "only-" + release + ".php"} {
			if err := os.WriteFile(filepath.Join(dir, release, name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return deployed{t, dir}
}

func (d deployed) link() string { return filepath.Join(d.dir, "current") }

func (d deployed) flip(release string) {
	d.t.Helper()
	if err := os.Symlink(release, d.link()+".new"); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.link()+".new", d.link()); err != nil {
		d.t.Fatal(err)
	}
}

func (d deployed) wantLeadsTo(s *roots, release string) {
	d.t.Helper()
	if got, err := s.leadsTo(d.link()); err != nil || got != filepath.Join(d.dir, release) {
		d.t.Errorf("the link leads to %q, %v; want release %s", got, err, release)
	}
}

func TestWhatARootLeadsToHoldsUntilTheNextGeneration(t *testing.T) {
	d := newDeployed(t, "1", "2", "3")
	first := commonRoots(beginRoots(nil))
	d.flip("1")
	d.wantLeadsTo(first, "1")
	d.flip("2")
	d.wantLeadsTo(first, "1")
	next := commonRoots(beginRoots(first))
	d.flip("3") // it has been resolved, although nobody has asked yet
	d.wantLeadsTo(next, "2")
	d.wantLeadsTo(first, "1")
	d.wantLeadsTo(commonRoots(nil), "3") // before the pool has started
}

func TestARootThatIsNotThereYetCountsFromWhenItIs(t *testing.T) {
	d := newDeployed(t, "1")
	s := commonRoots(beginRoots(nil))
	if real, err := s.leadsTo(d.link()); err == nil {
		t.Errorf("nothing leads to %q", real)
	}
	d.flip("1")
	d.wantLeadsTo(s, "1")
	if err := os.Remove(d.link()); err != nil {
		t.Fatal(err)
	}
	if n := len(commonRoots(beginRoots(s)).all()); n != 0 {
		t.Errorf("%d roots are known that are not there", n)
	}
}

func TestAGenerationKnowsABoundedNumberOfRoots(t *testing.T) {
	dir := newDeployed(t, "1").dir
	s := commonRoots(beginRoots(nil))
	name := func(i int) string { return dir + "/" + strings.Repeat("./", i) + "1" }
	for i := range maxRoots {
		if _, err := s.leadsTo(name(i)); err != nil {
			t.Fatal(err)
		}
	}
	h := classicHandler(t)
	if d := h.routeIn(s, name(maxRoots), "/"); d.Status != http.StatusInternalServerError || !strings.Contains(d.Reason, "1000 roots") {
		t.Errorf("one more: %+v", d)
	}
	if d := h.routeIn(s, name(0), "/"); d.Status != 0 {
		t.Errorf("one that is known: %+v", d)
	}
	if n := len(s.all()); n != maxRoots {
		t.Errorf("%d roots are known", n)
	}
}

func TestAllWhoAskAtOnceGetTheSame(t *testing.T) {
	d := newDeployed(t, "1", "2")
	for range 50 {
		d.flip("1")
		s := commonRoots(beginRoots(nil))
		var all sync.WaitGroup
		got := make([]string, 8)
		for i := range got {
			all.Go(func() { got[i], _ = s.leadsTo(d.link()) })
		}
		d.flip("2")
		all.Wait()
		for _, real := range got {
			if real == "" || real != got[0] {
				t.Fatalf("they got %q", got)
			}
		}
	}
}

func TestARequestGetsTheScriptOfTheReleaseWhoseProcessesAnswer(t *testing.T) {
	d := newDeployed(t, "1", "2")
	d.flip("1")
	old := commonRoots(beginRoots(nil))
	d.wantLeadsTo(old, "1")
	d.flip("2")
	newest := commonRoots(beginRoots(old))
	h := classicHandler(t)
	h.Root, h.ResolveRoot = d.link(), resolveAtRestart
	read := func(path string) (func(any) ([]byte, error), string) {
		t.Helper()
		w, r := httptest.NewRecorder(), asked("GET", path, path, "")
		decision := h.routeIn(newest, d.link(), path)
		if decision.Status != 0 {
			t.Fatal(decision)
		}
		q, err := h.read(w, r, decision.Script)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(q.Close)
		return h.suit(r, q, decision.Script), string(q.Frame)
	}
	suit, encoded := read("/")
	if frame, err := suit(newest); err != nil || string(frame) != encoded {
		t.Errorf("for the newest processes: %q, %v", frame, err)
	}
	want := strings.ReplaceAll(encoded, d.dir+"/2", d.dir+"/1")
	if frame, err := suit(old); err != nil || string(frame) != want || want == encoded {
		t.Errorf("for the old processes: %q, %v; want %q", frame, err, want)
	}
	suit, _ = read("/only-2.php/info")
	if frame, err := suit(old); err != nil || !strings.Contains(string(frame), d.dir+"/1/index.php") {
		t.Errorf("where the old release has its front controller: %q, %v", frame, err)
	}
	if err := os.Remove(filepath.Join(d.dir, "1", "index.php")); err != nil {
		t.Fatal(err)
	}
	_, err := suit(old)
	if otherwise, ok := err.(decidedOtherwise); !ok || otherwise.Status != http.StatusNotFound {
		t.Errorf("where the old release has nothing: %v", err)
	}
	h.ResolveRoot = ""
	if h.suit(nil, nil, classic.Script{}) != nil {
		t.Error("without the option requests are made anew")
	}
}

func TestWhatResolveRootCannotBeIsRefused(t *testing.T) {
	for want, change := range map[string]func(h *Handler){
		`resolve_root "never": want request or restart`: func(h *Handler) { h.ResolveRoot = "never" },
		"resolve_root has no meaning in worker mode":    func(h *Handler) { h.pool.classic, h.ResolveRoot = false, "restart" },
	} {
		h := classicHandler(t)
		change(h)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
