package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/phpworker/caddy-php-worker/integration/peers"
)

// programs are those of PHP that run scripts, by the name of the SAPI.
func programs(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"fpm-fcgi": peers.FPMBinary(), "cgi-fcgi": peers.CGIBinary()}
	for sapi, binary := range all {
		if binary == "" {
			t.Errorf("there is no program for %s", sapi)
			delete(all, sapi)
		}
	}
	return all
}

// What the files of an evil tree say. Each has markOfSource, which nobody is to see: PHP drops it.
const (
	markOfSource = "SOURCE-OF-A-FILE"
	markOfEvil   = "EVIL-WAS-EXECUTED"
	markOfGood   = "GOOD-WAS-EXECUTED"
)

// evilTree is a root with scripts that may run, beside others and files that look like some.
func evilTree(t *testing.T) (root string) {
	t.Helper()
	root = scripts(t)
	put := func(name, mark string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, "<?php /* %s */ echo '%s';", markOfSource, mark), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"index.php", "a.php", "sub/b.php", "dir.php/c.php", "sub/index.php"} {
		put(name, markOfGood)
	}
	for _, name := range []string{
		"photo.jpg", "photo.php.jpg", "UP.PHP", "a.php.", "a.php ", "a.php\n", "a.php\\x", "a.php:x", "lib.inc", "old.php~", "old.php.bak", ".hidden.php", ".git/x.php", ".env", "composer.json",
		"uploads/evil.php", "uploads/photo.jpg", "uploads/deep/evil.php", "uploads/index.php", "../outside.php", "../outside/x.php", "a.php%00", "%2e%2e/x.php", "..%2foutside.php", "text.php5",
	} {
		put(name, markOfEvil)
	}
	for name, target := range map[string]string{
		"out.php": "../outside.php", "outside": "../outside", "up": "uploads", "text.php": "photo.jpg", "in.php": "a.php", "loop.php": "loop.php", "passwd.php": "/etc/passwd", "denied.php": "uploads/evil.php",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// evilPaths are paths that have made web servers run what is no script, or show what is one.
func evilPaths() (all []string) {
	targets := []string{
		"a.php", "sub/b.php", "dir.php", "photo.jpg", "photo.php.jpg", "UP.PHP", "lib.inc", ".hidden.php", ".git/x.php", "uploads/evil.php", "uploads/photo.jpg", "uploads/", "out.php", "outside/x.php",
		"up/evil.php", "text.php", "in.php", "denied.php", "passwd.php", "old.php~", "composer.json", "loop.php",
	}
	before := []string{
		"/", "//", "/./", "/sub/../", "/sub/%2e%2e/", "/sub/.%2e/", "/sub/..%2f", "/../", "/%2e%2e/public/", "/sub//..//", "/a.php/../", "/index.php/../", "/gone/../", "/photo.jpg/../", "/sub/..;/", "/sub/%c0%ae%c0%ae/", "/sub/%e0%80%ae%e0%80%ae/",
		"/%2e/", "/%252e%252e/", "/..%5c", "/%5c", "/%00/", "/;/", "/uploads/../",
	}
	behind := []string{
		"", "/", "//", ".", "..", "/.", "/..", "%20", "%2e", "%00", "%00.jpg", "%00.php", "%0a", "%0d%0a", "%09", "%c0%80", "%3f", "%3fx=.php", "%23", "%23.php", "%2f", "%2fy.php", "%252fy.php", "%c0%afy.php", "%ef%bc%8fy.php", "%5cy.php", "/y.php", "/.php", "/x/y.php",
		"/../../etc/passwd", "/..%2f..%2fetc/passwd", "/../photo.jpg", ";.php", ":$DATA", "::$DATA", ".php", ".PHP", "~", ".bak", "%ff", "/%ff.php", "?.php", "?/y.php", "#.php",
	}
	for _, t := range targets {
		for _, b := range before {
			all = append(all, b+t)
		}
		for _, b := range behind {
			all = append(all, "/"+t+b)
		}
		// Letters, dots and slashes as numbers, once and twice.
		for _, c := range []string{".", "/", "p", "u"} {
			hex := fmt.Sprintf("%%%02x", c[0])
			all = append(all, "/"+strings.ReplaceAll(t, c, hex), "/"+strings.ReplaceAll(t, c, "%25"+hex[1:]), "/"+strings.ReplaceAll(t, c, strings.ToUpper(hex))+"/y.php")
		}
		all = append(all, "/"+strings.ToUpper(t), "/"+strings.ToUpper(t[:1])+t[1:], "/"+strings.ReplaceAll(t, "s", "%c5%bf"), "/"+strings.ReplaceAll(t, "/", "//"), "/"+strings.ReplaceAll(t, "/", "/./"), "/"+strings.ReplaceAll(t, "/", "%2f"))
	}
	for _, path := range []string{"/index.php/../../etc/passwd", "/index.php/..%2f..%2f..%2fetc/passwd", "/..%252f..%252fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/etc/passwd", "/etc/passwd/x.php", "/outside", "/outside/"} {
		all = append(all, path)
	}
	long := strings.Repeat("/segment", 3000)
	return append(all, "/a.php"+long, "/photo.jpg"+long+"/x.php", "/uploads/evil.php"+long, "/a.php/"+strings.Repeat("../", 3000)+"etc/passwd", "/a.php"+strings.Repeat("/x.php", 4000), "/a.php/"+strings.Repeat("%2f", 8000))
}

// No path has PHP run a file that is no script of the site's, or shows anybody a file's source.
func TestNoPathRunsOrShowsWhatIsNoScript(t *testing.T) {
	t.Parallel()
	root := evilTree(t)
	for sapi, binary := range programs(t) {
		for front, option := range map[string]string{"with a front controller": "", "without": "index off"} {
			t.Run(sapi+" "+front, func(t *testing.T) {
				t.Parallel()
				_, url := site(t, classicSite(root, "workers 2", "php "+binary, "deny_scripts /uploads", option))
				ask := newRawClient(t, url)
				ran := 0
				for _, path := range evilPaths() {
					status, body := ask.get(path)
					switch {
					case strings.Contains(body, markOfSource), strings.Contains(body, "<?php"), strings.Contains(body, "root:x:"), strings.Contains(body, markOfEvil):
						t.Errorf("%.200s: %d, %.100q", path, status, body)
					case status == http.StatusOK && body == markOfGood:
						ran++
					case status == http.StatusOK:
						t.Errorf("%.200s: %d, %.100q", path, status, body)
					case status != http.StatusNotFound && status != http.StatusForbidden && status != http.StatusBadRequest && status != http.StatusPermanentRedirect:
						t.Errorf("%.200s: status %d", path, status)
					}
				}
				if ran < 100 { // else nothing has been tried
					t.Errorf("%d paths have run a script", ran)
				}
			})
		}
	}
}

// rawClient asks for paths as they are written, over one connection as long as that is kept.
type rawClient struct {
	t    *testing.T
	host string
	conn net.Conn
	in   *bufio.Reader
}

func newRawClient(t *testing.T, url string) *rawClient {
	c := &rawClient{t: t, host: strings.TrimPrefix(url, "http://")}
	t.Cleanup(c.close)
	return c
}

func (c *rawClient) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// get returns the status and the body. A client writes no "#" into a request, an attacker does.
func (c *rawClient) get(path string) (int, string) {
	c.t.Helper()
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.host)
		if err != nil {
			c.t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(2 * patience))
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, c.host)
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("%.200s: %v", path, err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		c.t.Fatalf("%.200s: %v", path, err)
	}
	if res.Close {
		c.close()
	}
	return res.StatusCode, string(body)
}

// Files become folders and links between the moment in which a script is found and the one in which PHP opens
// it. What is asked for then runs or is not there; no source is seen, and no file that is no script runs.
func TestWhatChangesWhileItIsAskedForIsRunOrNotThere(t *testing.T) {
	t.Parallel()
	for sapi, binary := range programs(t) {
		t.Run(sapi, func(t *testing.T) {
			t.Parallel()
			root := evilTree(t)
			good := fmt.Sprintf("<?php /* %s */ echo '%s';", markOfSource, markOfGood)
			_, url := site(t, classicSite(root, "workers 2", "php "+binary, "deny_scripts /uploads", "index off"))
			done := make(chan struct{})
			var group sync.WaitGroup
			s := &server{t: t, dir: root}
			s.write("folder/y.php", good)
			s.write("swap.jpg", fmt.Sprintf("<?php /* %s */ echo '%s';", markOfSource, markOfEvil))
			group.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					if err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, "folder"), unix.AT_FDCWD, filepath.Join(root, "swap.jpg"), unix.RENAME_EXCHANGE); err != nil {
						t.Error(err)
						return
					}
				}
			})
			group.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-done:
						return
					default:
					}
					at := filepath.Join(root, "now.php")
					_ = os.RemoveAll(at)
					_ = os.RemoveAll(filepath.Join(root, "turn"))
					switch n % 3 {
					case 0:
						s.write("now.php", good)
						s.write("turn/x.php", good)
					case 1:
						s.write("now.php/c.php", good)
					case 2:
						_ = os.Symlink("a.php", at)
						_ = os.Symlink("sub", filepath.Join(root, "turn"))
					}
				}
			})
			seen := make(map[string]int)
			ask := newRawClient(t, url)
			for range size(300, 5000) {
				paths := []string{"/now.php", "/now.php/c.php", "/now.php/", "/turn/x.php", "/turn/b.php", "/turn"}
				if sapi == "fpm-fcgi" { // php-cgi looks for itself once more, and runs what it finds: see docs/classic.md
					paths = append(paths, "/swap.jpg/y.php")
				}
				for _, path := range paths {
					status, body := ask.get(path)
					// Nothing: it is refused by us, or has been made and not been written yet. The words are PHP's.
					if !slices.Contains([]string{markOfGood, "", "File not found.\n", "No input file specified.\n", "Access denied.\n"}, body) || body != "" && (body == markOfGood) != (status == http.StatusOK) {
						t.Errorf("%s: %d, %q", path, status, body)
					}
					seen[fmt.Sprint(status)]++
				}
			}
			close(done)
			group.Wait()
			if seen["200"] == 0 || seen["404"] == 0 {
				t.Errorf("%v: nothing has changed while it was asked for", seen)
			}
		})
	}
}
