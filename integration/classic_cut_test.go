package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// cutSite is a site whose requests are cut by a kill.
type cutSite struct {
	t    *testing.T
	s    *server
	base string
	// log has the requests that a script has begun with, at the process that waits. uploads is where PHP keeps files.
	log, at, uploads string
	done             int // requests so far
}

// send uploads a file of 16 MB to cut.php, which waits at that place; "": nowhere. PHP itself reads it but for that of PUT.
func (c *cutSite) send(method, where string) (id string, result <-chan outcome) {
	c.t.Helper()
	c.done++
	id = strconv.Itoa(c.done)
	body, contentType, _ := aForm(c.t, "a.txt", 16<<20)
	query := url.Values{"id": {id}, "where": {where}, "log": {c.log}, "at": {c.at}}
	r := request(c.t, method, c.base+"/cut.php?"+query.Encode(), body)
	r.Header.Set("Content-Type", contentType)
	return id, asking(r)
}

// times is how often a script has begun with that request.
func (c *cutSite) times(id string) int {
	text, _ := os.ReadFile(c.log)
	return strings.Count("\n"+string(text), "\n"+id+"\n")
}

// kept is how many files of uploads there are.
func (c *cutSite) kept() int {
	found, err := os.ReadDir(c.uploads)
	if err != nil {
		c.t.Error(err)
	}
	return len(found)
}

// waiting is the process that waits.
func (c *cutSite) waiting() (pid int) {
	c.t.Helper()
	eventually(c.t, "a script waits", func() bool {
		text, _ := os.ReadFile(c.at)
		pid, _ = strconv.Atoi(string(text))
		return pid > 0
	})
	if err := os.Remove(c.at); err != nil {
		c.t.Error(err)
	}
	return pid
}

// A kill in the middle of a request with an upload, and of the write of a session: the client is told, nothing is carried out
// twice, and the next request finds everything as the one before has left it. Of a killed PHP remains what remains of one of
// PHP-FPM's: the file of the upload.
func TestAKillWithinAnUploadOrASessionHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	for sapi, binary := range programs(t) {
		t.Run(sapi, func(t *testing.T) {
			t.Parallel()
			root := scripts(t)
			dir, err := os.MkdirTemp("", "cut") // a short name: the path of a socket has a limit
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			c := &cutSite{t: t, log: filepath.Join(dir, "log"), at: filepath.Join(dir, "at"), uploads: filepath.Join(dir, "uploads")}
			sessions, temporary := filepath.Join(dir, "sessions"), filepath.Join(dir, "t")
			for _, folder := range []string{c.uploads, sessions, temporary} {
				if err := os.Mkdir(folder, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() { // when Caddy has ended
				if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
					t.Errorf("of Caddy's temporary files there are left: %v, %v", left, err)
				}
			})
			c.s, c.base = site(t, classicSite(root, "name app", "workers 1", "php "+binary, "body_memory 64KB", "ini upload_tmp_dir "+c.uploads, "ini session.save_path "+sessions,
				"ini upload_max_filesize 64M", "ini post_max_size 64M"), quiet, withEnv("TMPDIR="+temporary))
			visits, kills := 0, 0
			for _, where := range []string{"body", "upload", "session"} {
				for _, victim := range []string{"the process", "its parent"} {
					method := http.MethodPost
					if where == "body" {
						method = http.MethodPut
					}
					id, result := c.send(method, where)
					pid := c.waiting()
					if victim == "its parent" {
						pid = parentOf(pid)
					}
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
					kills++
					if got := <-result; got.err != nil || got.status != http.StatusBadGateway {
						t.Errorf("%s, %s killed: status %d, %v", where, victim, got.status, got.err)
					}
					if n := c.times(id); n != 1 {
						t.Errorf("%s, %s killed: the request was carried out %d times", where, victim, n)
					}
					eventually(t, "it is gone", func() bool { return c.s.gone([]int{pid}) })
					c.s.settled("app", 1)
					visits++
					id, result = c.send(http.MethodPost, "")
					if got, want := <-result, fmt.Sprint(visits, " ", 16<<20); got.status != http.StatusOK || got.body != want || c.times(id) != 1 {
						t.Errorf("%s, %s killed: the next request got %d, %q, %v, and was carried out %d times; want %q", where, victim, got.status, got.body, got.err, c.times(id), want)
					}
					if n := c.kept(); n > kills {
						t.Errorf("%d files of uploads are left behind by %d kills", n, kills)
					}
				}
			}
			t.Logf("%d kills have left %d files of uploads behind", kills, c.kept())
			c.s.wantNothingHeld()
		})
	}
}
