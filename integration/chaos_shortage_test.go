package integration

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// setLimit changes a limit of a running process and returns what it was.
func setLimit(t *testing.T, pid, resource int, soft uint64) (before unix.Rlimit) {
	t.Helper()
	if err := unix.Prlimit(pid, resource, nil, &before); err != nil {
		t.Fatal(err)
	}
	now := unix.Rlimit{Cur: soft, Max: before.Max}
	if err := unix.Prlimit(pid, resource, &now, nil); err != nil {
		t.Fatal(err)
	}
	return before
}

// fullDisk lets bodies find no room. Root gets a tiny file system for them, others
// a limit of the size of files: both fail within a write.
func fullDisk(t *testing.T, c crew) line {
	const room = 1 << 20
	dir, how := t.TempDir(), "file system of 1 MB"
	mounted := syscall.Mount("php_worker-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0777", room)) == nil
	if mounted {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	s, url := site(t, c.worker(t, "workers 3", "body_memory 64KB", fmt.Sprintf("uploads {\ndir %q\n}", dir), c.uploads(dir), env("RELEASE", "1")), quiet)
	if !mounted {
		how = "limit of 1 MB for files"
		setLimit(t, s.cmd.Process.Pid, unix.RLIMIT_FSIZE, room)
	}
	s.settled("app", 3)
	traffic := startTraffic(t, 4, always(url+"/"), nil)
	own, done := lone()
	defer done()
	post := func(length int) received {
		return roundTrip(t.Context(), own, http.MethodPost, url+"/sum", bytes.NewReader(bytes.Repeat([]byte("x"), length)))
	}
	// allFree waits for the files of a request, which may outlive its answer for a moment.
	allFree := func() {
		eventually(t, "the file system is empty", func() bool {
			var now unix.Statfs_t
			return !mounted || unix.Statfs(dir, &now) == nil && now.Bfree == now.Blocks
		})
	}
	n := size(5, 20)
	for range n {
		// So little is left unread that Caddy takes it all; with more it would close
		// the connection on a client that may be still too busy sending to see why.
		if r := post(room + 100_000); r.err != nil || r.status != http.StatusInternalServerError {
			t.Errorf("a body that finds no room: status %d, error %v", r.status, r.err)
		}
		r := post(room / 2) // and one that does
		if sum := md5.Sum(bytes.Repeat([]byte("x"), room/2)); r.status != http.StatusOK || r.body != hex.EncodeToString(sum[:]) {
			t.Errorf("a body that finds room: status %d, error %v", r.status, r.err)
		}
		large, small := 3*room, room/2
		switch {
		case !c.classic:
		case mounted: // there is room for the body, and none for the file that PHP makes of it
			large, small = room*7/10, room/4
		default: // the limit would end PHP
			continue
		}
		allFree()
		if errno := uploadError(t, url, large); errno != 7 { // UPLOAD_ERR_CANT_WRITE
			t.Errorf("a file that finds no room reaches PHP with error %d", errno)
		}
		allFree()
		if errno := uploadError(t, url, small); errno != 0 {
			t.Errorf("a file that finds room reaches PHP with error %d", errno)
		}
		allFree()
	}
	got := traffic.end()
	got.wantNoFailure(t)
	s.wantLogged("handled request", "http.log.error", "spooling the request body")
	wantEmpty(t, dir)
	s.wantNothingHeld()
	return line{"full disk for bodies", got, fmt.Sprintf("%s: %d bodies without room got 500, %d with room 200", how, n, n)}
}

// wantEmpty waits until no file is left in a folder: those of a request may outlive
// its answer for a moment.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "no file is left", func() bool {
		left, err := os.ReadDir(dir)
		return err == nil && len(left) == 0
	})
}

// uploadError sends a form with a file and returns the error that PHP sees.
func uploadError(t *testing.T, url string, length int) int {
	t.Helper()
	files := uploadFile(t, url, bytes.Repeat([]byte("x"), length))
	return files["file"].Error
}

// uploaded is a file as PHP sees it.
type uploaded struct {
	Error   int
	Path    string
	Content string
	Owner   int
	Mode    int
}

// uploadFile sends a form with one file, named "file".
func uploadFile(t *testing.T, url string, content []byte) (files map[string]uploaded) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(content)
	w.Close()
	r := request(t, http.MethodPost, url+"/upload", &form)
	r.Header.Set("Content-Type", w.FormDataContentType())
	status, body := do(t, r)
	if status != http.StatusOK {
		t.Fatalf("uploading: status %d, %s", status, body)
	}
	if err := json.Unmarshal([]byte(body), &files); err != nil {
		t.Fatalf("uploading: %v: %s", err, body)
	}
	return files
}

// wantLogged waits until some line of the log holds all these words: it comes by another way than the answer.
func (s *server) wantLogged(what string, words ...string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%s: a record holds %q", what, words), func() bool {
		for text := range strings.Lines(s.logs.text()) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
				return true
			}
		}
		return false
	})
}

// noDescriptors takes every new file descriptor away from Caddy.
func noDescriptors(t *testing.T, c crew) line {
	s, url := site(t, c.worker(t, "workers 3", "body_memory 64KB", env("RELEASE", "1")), quiet)
	pids := s.settled("app", 3).serving()
	traffic := startTraffic(t, 4, always(url+"/"), nil)
	own, done := lone()
	defer done()
	body := bytes.Repeat([]byte("x"), 200_000) // see fullDisk
	post := func() received {
		return roundTrip(t.Context(), own, http.MethodPost, url+"/sum", bytes.NewReader(body))
	}
	if r := post(); r.status != http.StatusOK {
		t.Fatalf("before: status %d, error %v", r.status, r.err)
	}

	caddy := s.cmd.Process.Pid
	before := setLimit(t, caddy, unix.RLIMIT_NOFILE, 8)
	if r := post(); r.err != nil || r.status != http.StatusInternalServerError {
		t.Errorf("a body that needs a file: status %d, error %v", r.status, r.err)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	failed := s.waitRecords("worker could not start", 2)[1]
	if text := fmt.Sprint(failed["error"]); !strings.Contains(text, "too many open files") && !strings.Contains(text, "file descriptors") {
		t.Errorf("the log does not say what is missing: %s", text)
	}
	traffic.more(200)
	setLimit(t, caddy, unix.RLIMIT_NOFILE, before.Cur)

	s.settled("app", 3)
	if r := post(); r.status != http.StatusOK {
		t.Errorf("afterwards: status %d, error %v", r.status, r.err)
	}
	if status, _ := get(t, url+"/"); status != http.StatusOK {
		t.Errorf("afterwards, over a new connection: status %d", status)
	}
	got := traffic.end()
	got.wantNoFailure(t)
	s.wantNothingHeld()
	return line{"no file descriptors", got, "open connections unaffected; large body 500; the lost worker is back afterwards"}
}

// noProgram takes the program away while workers are killed.
func noProgram(t *testing.T, c crew) line {
	real, err := exec.LookPath("php")
	if err != nil {
		t.Fatal(err)
	}
	php := filepath.Join(t.TempDir(), "php")
	appear := func() {
		if err := os.Symlink(real, php); err != nil {
			t.Fatal(err)
		}
	}
	appear()
	s, url := site(t, c.worker(t, "workers 3", fmt.Sprintf("php %q", php), env("RELEASE", "1")), quiet)
	return withoutNewProcesses(t, s, url, "no program", []string{php, "does not exist"}, func() (mend func()) {
		if err := os.Remove(php); err != nil {
			t.Fatal(err)
		}
		return appear
	})
}

// noForks lets the system refuse new processes of the workers' user (EAGAIN). The
// limit does not bind root, so root's workers run as somebody else.
func noForks(t *testing.T, c crew) line {
	options := []string{"name app", "workers 3", env("RELEASE", "1")}
	script := absolute(t, "testdata/chaos/worker.php")
	if os.Geteuid() == 0 {
		name, _, _ := www(t)
		script = readable(t)
		options = append(options, "user "+name, fmt.Sprintf("dir %q", filepath.Dir(script)))
	}
	if c.classic {
		return noForksOfParent(t, c, filepath.Join(filepath.Dir(script), "classic"), options)
	}
	s, url := site(t, directive(script, options...), quiet)
	return withoutNewProcesses(t, s, url, "fork fails", []string{"refuses another process", syscall.EAGAIN.Error()}, func() (mend func()) {
		before := setLimit(t, s.cmd.Process.Pid, unix.RLIMIT_NPROC, 0)
		return func() { setLimit(t, s.cmd.Process.Pid, unix.RLIMIT_NPROC, before.Cur) }
	})
}

// withoutNewProcesses kills three workers while no new one can be started.
func withoutNewProcesses(t *testing.T, s *server, url, fault string, says []string, harm func() (mend func())) line {
	pids := s.settled("app", 3).serving()
	kill := func(pid int) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	traffic := startTraffic(t, 4, always(url+"/"), nil)
	mend := harm()
	kill(pids[0])
	kill(pids[1])
	failed := s.waitRecords("worker could not start", 3)[2]
	for _, words := range says {
		if text := fmt.Sprint(failed["error"]); !strings.Contains(text, words) {
			t.Errorf("the log does not say %q: %s", words, text)
		}
	}
	traffic.more(200)
	got := traffic.end()
	got.wantNoFailure(t) // the last worker serves them all

	kill(pids[2])
	own, done := lone()
	defer done()
	var refused received
	eventually(t, "requests are turned away", func() bool {
		refused = roundTrip(t.Context(), own, http.MethodGet, url+"/", nil)
		return refused.err != nil || refused.status != http.StatusOK
	})
	if refused.status != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" {
		t.Errorf("without any worker: status %d, error %v, Retry-After %q", refused.status, refused.err, refused.header.Get("Retry-After"))
	}
	if status, text := s.api(http.MethodGet, "/php_worker/health", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "workers cannot start") {
		t.Errorf("health says %d: %s", status, text)
	}
	mend()
	s.settled("app", 3)
	if status, body := get(t, url+"/"); status != http.StatusOK || body != "1" {
		t.Errorf("afterwards: status %d, %q", status, body)
	}
	s.wantNothingHeld()
	return line{fault, got, "the last worker served all; without any 503 and Retry-After; all are back afterwards"}
}
