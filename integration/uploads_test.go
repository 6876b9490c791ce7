package integration

import (
	"crypto/sha1"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// filesWorker is a php_worker block with a worker that tells about uploads.
func filesWorker(t *testing.T, lines ...string) string {
	t.Helper()
	script, err := filepath.Abs("testdata/files/worker.php")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("php_worker * %q {\n\t%s\n}\n", script, strings.Join(lines, "\n\t"))
}

// uploadedFiles is what the worker tells about them.
type uploadedFiles struct {
	Worker int
	Files  []struct {
		Path, Content                        string
		Mode, Owner, FolderMode, FolderOwner int
	}
}

func uploadOf(t *testing.T, url string, contents ...string) *http.Request {
	t.Helper()
	var body strings.Builder
	for i, content := range contents {
		fmt.Fprintf(&body, "--b\r\nContent-Disposition: form-data; name=\"f%d\"; filename=\"%d.txt\"\r\n\r\n%s\r\n", i, i, content)
	}
	r := request(t, http.MethodPost, url, strings.NewReader(body.String()+"--b--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	return r
}

func tellFiles(t *testing.T, r *http.Request) uploadedFiles {
	t.Helper()
	status, body := do(t, r)
	if status != http.StatusOK {
		t.Fatalf("%s: status %d, %s", r.URL, status, body)
	}
	var got uploadedFiles
	decode(t, []byte(body), &got)
	return got
}

// filesBelow are all files below a folder, at any depth.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != dir {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// publicDir is a folder that every user may enter and write to, as /tmp is.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "uploads-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o1777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUploadsAreForTheWorkerAloneAndGoneAfterTheResponse(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"", "nobody"} {
		t.Run("user "+user, func(t *testing.T) {
			if user != "" {
				needsRoot(t)
			}
			dir := publicDir(t)
			lines := []string{"workers 1", fmt.Sprintf("uploads {\ndir %q\n}", dir)}
			if user != "" {
				lines = append(lines, "user "+user, "relay unix", "dir /")
			}
			script, err := os.ReadFile("testdata/files/worker.php")
			if err != nil {
				t.Fatal(err)
			}
			php, err := filepath.Abs("../php/autoload.php")
			if err != nil {
				t.Fatal(err)
			}
			handler := filesWorker(t, lines...)
			if user != "" { // the checkout may be where that user cannot look
				handler = readableWorker(t, string(script), php, lines...)
			}
			_, url := site(t, handler)

			got := tellFiles(t, uploadOf(t, url+"/", "one", "two"))
			if len(got.Files) != 2 || got.Files[0].Content != "one" || got.Files[1].Content != "two" {
				t.Fatalf("PHP got %+v", got)
			}
			if root := os.Geteuid(); user == "" && got.Worker != root || user != "" && got.Worker == root {
				t.Errorf("the worker runs as %d", got.Worker)
			}
			for _, f := range got.Files {
				if f.Mode != 0o600 || f.Owner != got.Worker || f.FolderOwner != got.Worker || f.FolderMode&0o066 != 0 {
					t.Errorf("%+v, the worker is %d", f, got.Worker)
				}
				if !strings.HasPrefix(f.Path, dir+"/caddy-php-") {
					t.Errorf("stored as %s", f.Path)
				}
			}
			if left := filesBelow(t, dir); len(left) > 0 {
				t.Errorf("left after the response: %q", left)
			}

			target := filepath.Join(publicDir(t), "moved")
			tellFiles(t, uploadOf(t, url+"/move?to="+target, "moved", "not moved"))
			if content, err := os.ReadFile(target); err != nil || string(content) != "moved" {
				t.Errorf("the file that PHP moved: %q, %v", content, err)
			}
			if left := filesBelow(t, dir); len(left) > 0 {
				t.Errorf("left after a move: %q", left)
			}
		})
	}
}

// readableWorker is a block with a copy of the worker, and of what it loads, that
// every user can read.
func readableWorker(t *testing.T, script, autoload string, lines ...string) string {
	t.Helper()
	dir := publicDir(t)
	if err := os.CopyFS(filepath.Join(dir, "php"), os.DirFS(filepath.Dir(autoload))); err != nil {
		t.Fatal(err)
	}
	script = strings.Replace(script, "/../../../php/autoload.php", "/php/autoload.php", 1)
	path := filepath.Join(dir, "worker.php")
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("php_worker * %q {\n\t%s\n}\n", path, strings.Join(lines, "\n\t"))
}

// TestOnlyUploadsWithAnAllowedExtensionAreStored: any other one is PHP's error 8, and
// the form's other files and fields are there nevertheless.
func TestOnlyUploadsWithAnAllowedExtensionAreStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, url := loop.site(t, "workers 1", fmt.Sprintf("uploads {\ndir %q\nallow jpg .Png mkv gif\nforbid gif\n}", dir))
	stored := map[string]bool{
		"a.jpg": true, "a.JPG": true, "a.jPg": true, "a.png": true, "a.PNG": true, "a.mkv": true, "a.php.jpg": true,
		"a.txt": false, "a.jpg.php": false, "a.jpeg": false, "a.jpg~": false, "jpg": false, "a": false,
		"a.m\u212av": false, // case is that of ASCII: the sign of the kelvin is no K
		"a.gif":      false, // forbid wins
	}
	var body strings.Builder
	for name := range stored {
		fmt.Fprintf(&body, "--b\r\nContent-Disposition: form-data; name=\"f[]\"; filename=%q\r\n\r\ncontent\r\n", name)
	}
	body.WriteString("--b\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nvalue\r\n--b--\r\n")
	r := request(t, http.MethodPost, url, strings.NewReader(body.String()))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	got := tell(t, r)
	var files struct {
		F []struct {
			Name, SHA1, Path string
			Size, Error      int
		}
	}
	decode(t, got.Files, &files)
	if len(files.F) != len(stored) || string(got.Parsed) != `{"field":"value"}` {
		t.Fatalf("PHP got %+v and %s", files.F, got.Parsed)
	}
	for _, f := range files.F {
		want, ok := stored[f.Name]
		switch {
		case !ok:
			t.Errorf("PHP got %q", f.Name)
		case want && (f.Error != 0 || f.Size != len("content") || f.SHA1 != fmt.Sprintf("%x", sha1.Sum([]byte("content"))) || !strings.HasPrefix(f.Path, dir)):
			t.Errorf("%s was not stored: %+v", f.Name, f)
		case !want && (f.Error != 8 || f.Size != 0 || f.SHA1 != "" || f.Path != ""):
			t.Errorf("%s was stored, or PHP does not know why not: %+v", f.Name, f)
		}
	}
}

func TestUploadsAreGoneAfterTheWorkerCrashed(t *testing.T) {
	t.Parallel()
	dir, note := t.TempDir(), filepath.Join(t.TempDir(), "note")
	_, url := site(t, filesWorker(t, "workers 1", fmt.Sprintf("uploads {\ndir %q\n}", dir)))
	if status, _ := do(t, uploadOf(t, url+"/exit?note="+note, "lost")); status != http.StatusBadGateway {
		t.Errorf("status %d", status)
	}
	if path, err := os.ReadFile(note); err != nil || !strings.HasPrefix(string(path), dir) {
		t.Errorf("the worker had %q, %v", path, err)
	}
	if left := filesBelow(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestWhatAKilledCaddyLeftIsRemovedAtTheNextStart(t *testing.T) {
	t.Parallel()
	dir, temp := t.TempDir(), publicDir(t)
	options := []option{withEnv("TMPDIR=" + temp)}
	handler := func(name string) string {
		return filesWorker(t, "workers 1", "relay unix", "name "+name, fmt.Sprintf("uploads {\ndir %q\n}", dir))
	}
	// One Caddy lives on with a file in the same folder, another one is killed.
	hold := func(name string) (*server, *gate, <-chan outcome) {
		s, url := site(t, handler(name), options...)
		g := newGate(t)
		answer := asking(uploadOf(t, url+"/wait?gate="+g.path, name))
		s.waitLog("has the files")
		return s, g, answer
	}
	_, gate, answer := hold("alive")
	killed, _, _ := hold("killed")
	if n := len(filesBelow(t, dir)); n != 4 { // a folder and a file each
		t.Fatalf("%q", filesBelow(t, dir))
	}
	killed.signal(syscall.SIGKILL)
	killed.waitExit()
	waitNoWorkers(t, killed.dir)
	if n := len(filesBelow(t, dir)); n != 4 {
		t.Fatalf("a killed Caddy cannot have removed anything: %q", filesBelow(t, dir))
	}
	folders := func() int {
		entries, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if n := folders(); n != 2 {
		t.Fatalf("%d folders for sockets and settings", n)
	}

	next, url := site(t, handler("next"), options...)
	if left := filesBelow(t, dir); len(left) != 2 {
		t.Errorf("left after the next start: %q", left)
	}
	if n := folders(); n != 2 { // of the living and the new one
		t.Errorf("%d folders for sockets and settings are left", n)
	}
	if got := tellFiles(t, uploadOf(t, url+"/", "works")); len(got.Files) != 1 || got.Files[0].Content != "works" {
		t.Errorf("the next Caddy: %+v", got)
	}
	gate.open("go")
	if got := <-answer; got.status != 200 || !strings.Contains(got.body, `"Content":"alive"`) {
		t.Errorf("the Caddy that lives on answered %+v", got)
	}
	next.signal(syscall.SIGTERM)
	next.waitExit()
	if n := folders(); n != 1 {
		t.Errorf("a Caddy that ended in peace left its folder: %d", n)
	}
	if left := filesBelow(t, dir); len(left) != 0 {
		t.Errorf("left in the end: %q", left)
	}
}

func TestAnUploadFolderThatIsMissingFailsTheStart(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	said := startFails(t, "http://127.0.0.1:1 {\n"+filesWorker(t, fmt.Sprintf("uploads {\ndir %q\n}", missing))+"}\n")
	if !strings.Contains(said, "uploads: dir: ") || !strings.Contains(said, missing) {
		t.Errorf("it said:\n%s", said)
	}
}
