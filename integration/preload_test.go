package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	// plainly is what the application of testdata/preload says where nothing is preloaded, behind its version; preloaded what it says otherwise: of
	// its classes only those that a file has by itself, in a namespace, under a name that no other file has.
	plainly   = " 1 A bare blend: "
	preloaded = plainly + `App\Text App\Base App\Named`
)

// preloading is a site of that application, whose releases lie in dir.
type preloading struct {
	*server
	dir, url string
	lines    func(root string, options ...string) string
}

// newPreloading starts it with the first release and a PHP of this kind.
func newPreloading(t *testing.T, kind string, options ...string) preloading {
	p := preloading{dir: filepath.Dir(scripts(t))}
	for _, name := range []string{"1", "2"} {
		if err := os.CopyFS(filepath.Join(p.dir, name), os.DirFS("testdata/preload")); err != nil {
			t.Fatal(err)
		}
		p.write(t, name, "release "+name)
	}
	p.deploy(t, "1")
	port := freePorts(t, 1)[0]
	p.url = base(port)
	p.lines = func(root string, more ...string) string {
		return on(port, classicSite("/nowhere", append(more, "root "+root, "name app", "workers 2", "resolve_root restart", "preload auto",
			"ini opcache.file_update_protection 0", "php "+phpOfKind(t, kind))...)) // OPcache is to keep also what has just been written
	}
	p.server = start(t, p.lines(p.root(), options...))
	return p
}

func (p preloading) root() string { return filepath.Join(p.dir, "current", "public") }

// write makes a release say this.
func (p preloading) write(t *testing.T, release, says string) {
	t.Helper()
	text, err := os.ReadFile("testdata/preload/src/Text.php")
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(p.dir, release), map[string]string{"src/Text.php": strings.Replace(string(text), "'VERSION'", "'"+says+"'", 1)})
}

// deploy lets the link name a release.
func (p preloading) deploy(t *testing.T, release string) {
	t.Helper()
	current := filepath.Join(p.dir, "current")
	if err := os.Symlink(release, current+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(current+".new", current); err != nil {
		t.Fatal(err)
	}
}

func (p preloading) restart() {
	p.t.Helper()
	p.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
}

// want has several visitors ask at once.
func (p preloading) want(t *testing.T, want string) {
	t.Helper()
	var visitors sync.WaitGroup
	for range 4 {
		visitors.Go(func() {
			for _, choice := range []string{"A", "B", "A"} { // nothing stays of a request
				if status, body := get(t, p.url+"/?choice="+choice); status != http.StatusOK || body != strings.Replace(want, " A ", " "+choice+" ", 1) {
					t.Errorf("status %d, %q, want %q", status, body, want)
				}
			}
		})
	}
	visitors.Wait()
}

// eachPHPKind runs the test with a php-fpm and with a php-cgi.
func eachPHPKind(t *testing.T, test func(t *testing.T, kind string)) {
	for _, kind := range []string{"php-fpm", "php-cgi"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// phpOfKind is the program of this name, or of this name with a version.
func phpOfKind(t *testing.T, kind string) string {
	t.Helper()
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"} {
		if found, _ := filepath.Glob(filepath.Join(dir, kind+"*")); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	t.Fatalf("there is no %s", kind)
	return ""
}

func TestARestartPreloadsTheClassesThatRequestsLoadForTheSameReleaseOnly(t *testing.T) {
	t.Parallel()
	eachPHPKind(t, func(t *testing.T, kind string) {
		p := newPreloading(t, kind)
		p.restart() // nobody has asked for anything
		p.want(t, "release 1"+plainly)
		p.restart()
		p.want(t, "release 1"+preloaded)
		p.restart() // what was preloaded stays worth it
		p.want(t, "release 1"+preloaded)

		p.write(t, "1", "changed") // PHP does not look
		p.want(t, "release 1"+preloaded)
		p.restart() // for what changes in place another file may count, too
		p.want(t, "changed"+plainly)
		p.restart()
		p.want(t, "changed"+preloaded)

		p.deploy(t, "2")
		p.want(t, "changed"+preloaded)
		p.restart()
		p.want(t, "release 2"+plainly)
		p.waitLog("nothing is preloaded until the next restart: root leads to another folder than before")
		p.restart()
		p.want(t, "release 2"+preloaded)
		p.deploy(t, "1")
		p.restart()
		p.want(t, "changed"+plainly)
		p.stop()
		if text := p.logs.text(); strings.Contains(text, `"level":"error"`) || strings.Contains(text, "Warning") {
			t.Error(text)
		}
	})
}

func TestAReloadWithAnotherRootServesNoClassOfTheOldOne(t *testing.T) {
	t.Parallel()
	eachPHPKind(t, func(t *testing.T, kind string) {
		p := newPreloading(t, kind)
		p.want(t, "release 1"+plainly)
		p.restart()
		p.want(t, "release 1"+preloaded)
		p.mustReload(p.lines(filepath.Join(p.dir, "2", "public")))
		p.want(t, "release 2"+plainly)
		p.restart()
		p.want(t, "release 2"+preloaded)
		p.mustReload(p.lines(p.root(), "ini precision 7")) // a pool that is new
		p.want(t, "release 1"+plainly)
	})
}

func TestPHPStartsWithoutWhatItDoesNotStartWith(t *testing.T) {
	t.Parallel()
	eachPHPKind(t, func(t *testing.T, kind string) {
		p := newPreloading(t, kind, "ini disable_functions file_get_contents") // our script needs it
		p.want(t, "release 1"+plainly)
		p.restart()
		record := p.waitLog("PHP does not start with what is to be preloaded, so nothing is")
		if !strings.Contains(fmt.Sprint(record["error"]), "file_get_contents") {
			t.Errorf("the log says %v", record)
		}
		p.want(t, "release 1"+plainly)
	})
}

func TestWhereWhatRequestsLoadIsNotToldNothingIsPreloadedAndTheLogSaysWhy(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	put(t, own, map[string]string{
		"own.php": "<?php",
		"php.ini": fmt.Sprintf("opcache.preload=%s\nopcache.preload_user=root\n", filepath.Join(own, "own.php")),
	})
	for option, why := range map[string]string{
		"ini opcache.enable 0":              "OPcache is off",
		"ini opcache.restrict_api /nowhere": "opcache.restrict_api",
		"ini open_basedir /srv":             "open_basedir",
		"env PHPRC " + own:                  "PHP's own settings have it preload by " + own,
	} {
		p := newPreloading(t, "php-fpm", option)
		p.restart()
		if record := p.waitLog("nothing is preloaded"); !strings.Contains(fmt.Sprint(record["error"]), why) {
			t.Errorf("%s: the log says %v", option, record)
		}
	}
}
