package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// releases is a folder with the releases of a site, and the link "current" that names one.
type releases struct {
	t   *testing.T
	dir string
}

func newReleases(t *testing.T) releases { return releases{t, filepath.Dir(scripts(t))} }

func (r releases) root() string { return filepath.Join(r.dir, "current", "public") }

// deploy makes a release, whose script and whose file say which it is, and lets the link name it.
func (r releases) deploy(n int) {
	r.t.Helper()
	public := filepath.Join(r.dir, strconv.Itoa(n), "public")
	if err := os.MkdirAll(public, 0o755); err != nil {
		r.t.Fatal(err)
	}
	for name, content := range map[string]string{
		"index.php": fmt.Sprintf(`<?php echo json_encode(["parent" => (int) explode(" ", file_get_contents("/proc/self/stat"))[3],
			"says" => [%d, require "more.php", (int) file_get_contents($_SERVER["DOCUMENT_ROOT"] . "/style.css")]]);`, n),
		"more.php":                   fmt.Sprintf("<?php return %d;", n),
		"style.css":                  strconv.Itoa(n),
		fmt.Sprintf("only%d.php", n): "<?php",
	} {
		if err := os.WriteFile(filepath.Join(public, name), []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	current := filepath.Join(r.dir, "current")
	if err := os.Symlink(strconv.Itoa(n), current+".new"); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(current+".new", current); err != nil {
		r.t.Fatal(err)
	}
}

// released is what a script says of its release, and which parent its process has.
type released struct {
	Parent int
	Says   [3]int // the script, what it requires, and the file in DOCUMENT_ROOT
}

func askReleased(t *testing.T, url string) (said released) {
	status, body := get(t, url)
	if status != http.StatusOK {
		t.Errorf("status %d: %s", status, body)
		return
	}
	if err := json.Unmarshal([]byte(body), &said); err != nil {
		t.Errorf("%q: %v", body, err)
	}
	return said
}

// wantRelease wants script and file to be of that release.
func wantRelease(t *testing.T, url string, n int) {
	t.Helper()
	if said := askReleased(t, url+"/"); said.Says != [3]int{n, n, n} {
		t.Errorf("the script says %v, want release %d", said.Says, n)
	}
	if status, body := get(t, url+"/style.css"); status != http.StatusOK || body != strconv.Itoa(n) {
		t.Errorf("the file is %d, %q; want release %d", status, body, n)
	}
	for _, other := range []int{n - 1, n + 1} {
		if status, _ := get(t, fmt.Sprintf("%s/only%d.php/x.css", url, other)); status != http.StatusNotFound {
			t.Errorf("a script of release %d answers %d", other, status)
		}
	}
}

func TestALinkCountsFromTheNextRestartOnWhereResolveRootSaysSo(t *testing.T) {
	t.Parallel()
	for name, site := range map[string]func(root string, options ...string) string{
		"root of the site": classicSite,
		"root of php_worker": func(root string, options ...string) string {
			return classicSite("/nowhere", append(options, "root "+root)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.deploy(1)
			port := freePorts(t, 1)[0]
			lines := func(more ...string) string {
				return on(port, site(r.root(), append(more, "name app", "workers 1", "try_files {path} {path}/ =404", "resolve_root restart")...))
			}
			s := start(t, lines())
			if name == "root of the site" {
				wantRelease(t, base(port), 1) // from here on it is known
			}
			r.deploy(2)
			wantRelease(t, base(port), 1)
			s.mustReload(lines("deny_scripts /uploads"))
			wantRelease(t, base(port), 1)
			s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
			wantRelease(t, base(port), 2)
			s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
			r.deploy(3)
			wantRelease(t, base(port), 2)
			s.mustReload(lines("ini precision 7"))
			wantRelease(t, base(port), 3)
		})
	}
}

func TestEachOfSeveralRootsKeepsItsReleaseUntilTheRestart(t *testing.T) {
	t.Parallel()
	sites := map[string]releases{"one": newReleases(t), "two": newReleases(t)}
	all := filepath.Dir(scripts(t))
	for name, r := range sites {
		r.deploy(1)
		if err := os.Symlink(r.dir, filepath.Join(all, name)); err != nil {
			t.Fatal(err)
		}
	}
	s, url := site(t, classicSite(filepath.Join(all, "{query.site}", "current", "public"), "name app", "workers 1", "resolve_root restart"))
	want := func(name string, n int) {
		t.Helper()
		if said := askReleased(t, url+"/?site="+name); said.Says != [3]int{n, n, n} {
			t.Errorf("site %s says %v, want release %d", name, said.Says, n)
		}
		if _, body := get(t, url+"/style.css?site="+name); body != strconv.Itoa(n) {
			t.Errorf("the file of site %s is %q, want release %d", name, body, n)
		}
	}
	want("one", 1)
	for _, r := range sites {
		r.deploy(2)
	}
	want("one", 1)
	want("two", 2) // nobody has asked for it before
	for _, r := range sites {
		r.deploy(3)
	}
	want("one", 1)
	want("two", 2)
	s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
	for _, r := range sites {
		r.deploy(4)
	}
	want("one", 3)
	want("two", 3)
	if status, _ := get(t, url+"/?site=none"); status != http.StatusNotFound {
		t.Errorf("a site that is not there: status %d", status)
	}
}

// Each restart has a parent of its own.
func TestNoProcessRunsScriptsOfTwoReleasesWhereResolveRootSaysSo(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.deploy(0)
	s, url := site(t, classicSite(r.root(), "name app", "workers 3", "try_files {path} {path}/ =404", "resolve_root restart"), quiet)
	wantRelease(t, url, 0)
	var (
		clients sync.WaitGroup
		over    = make(chan struct{})
		mu      sync.Mutex
		release = make(map[int]int) // by parent
	)
	note := func(said released) bool {
		n := said.Says[0]
		mu.Lock()
		defer mu.Unlock()
		before, known := release[said.Parent]
		release[said.Parent] = n
		if said.Says == [3]int{n, n, n} && (!known || before == n) {
			return true
		}
		t.Errorf("a process of parent %d says %v; before, release %d", said.Parent, said.Says, before)
		return false
	}
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if !note(askReleased(t, url+"/")) {
					return
				}
			}
		})
	}
	const restarts = 5
	for n := 1; n <= restarts; n++ {
		r.deploy(n)
		s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
		wantRelease(t, url, n)
		note(askReleased(t, url+"/"))
	}
	close(over)
	clients.Wait()
	if len(release) < restarts {
		t.Errorf("parents and their releases: %v", release)
	}
}
