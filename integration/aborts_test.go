package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// holds is how many open files of Caddy's lie, or lay, below the folder.
func (s *server) holds(folder string) (n int) {
	s.t.Helper()
	open := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	links, err := os.ReadDir(open)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, link := range links {
		// It may be closed by now.
		if file, _ := os.Readlink(filepath.Join(open, link.Name())); strings.HasPrefix(file, folder) && strings.Contains(file, "/body-") {
			n++
		}
	}
	return n
}

// TestNothingIsLeftOfWhatBreaksOff: clients go away in the middle of bodies that
// are spooled, of uploads that are stored, and of answers larger than buffer.
func TestNothingIsLeftOfWhatBreaksOff(t *testing.T) {
	t.Parallel()
	const clients = 20
	uploads := t.TempDir()
	s, url := loop.site(t, "workers 1", "body_memory 1KB", "buffer 1KB", fmt.Sprintf("uploads {\ndir %q\n}", uploads))
	host := strings.TrimPrefix(url, "http://")
	pid, _ := worker(t, url)
	stored := func() int {
		folders, err := os.ReadDir(uploads)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, folder := range folders {
			files, _ := os.ReadDir(uploads + "/" + folder.Name()) // it may be gone already
			for _, file := range files {
				inside, _ := os.ReadDir(uploads + "/" + folder.Name() + "/" + file.Name())
				n += max(1, len(inside))
			}
		}
		return n
	}
	broken := func(text string, args ...any) []*dialed {
		var all []*dialed
		for range clients {
			d := dialSite(t, url)
			d.say(text, args...)
			all = append(all, d)
		}
		return all
	}
	gone := func(what string, all []*dialed) {
		t.Helper()
		for _, d := range all {
			d.Conn.Close()
		}
		eventually(t, "nothing is left of "+what, func() bool { return stored() == 0 && s.holds(uploads) == 0 })
	}

	half := strings.Repeat("x", 50_000)
	spooled := broken("POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 100000\r\n\r\n%s", host, half)
	eventually(t, "the bodies are being spooled", func() bool { return s.holds(uploads) == clients })
	gone("spooled bodies", spooled)

	files := broken("POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: 100000\r\n\r\n--limit\r\nContent-Disposition: form-data; name=f; filename=f.txt\r\n\r\n%s", host, boundary, half)
	eventually(t, "the uploads are being stored", func() bool { return stored() >= clients })
	gone("uploads", files)

	d := dialSite(t, url)
	d.say("GET /big?size=50000000 HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	if res, err := http.ReadResponse(d.Reader, nil); err != nil || res.ContentLength != 50_000_000 {
		t.Fatalf("a large answer: %v", err)
	}
	gone("a large answer", []*dialed{d})
	if now, _ := worker(t, url); now != pid {
		t.Errorf("worker %d serves, before it was %d", now, pid)
	}
}
