package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// testBodiless streams answers that have no body. The client has them at once; the
// application may finish, for one that does not expect to be stopped would end with its stream.
func testBodiless(t *testing.T, app front) {
	dir := t.TempDir()
	writeFile(t, dir+"/file.txt", "of the file")
	s, url := app.site(t, "workers 1", fmt.Sprintf("sendfile %q", dir))
	able := app.able(t, url)
	if !able("stream") {
		return
	}
	for _, c := range []struct{ method, query, body string }{
		{"HEAD", "", ""}, {"GET", "&status=204", ""}, {"GET", "&status=304", ""}, {"HEAD", "&status=404&length=100", ""},
		{"GET", "&sendfile=file.txt", "of the file"}, {"GET", "&sendfile=missing", ""}, {"GET", "&status=600", ""}, {"GET", "&length=3", ""},
	} {
		t.Run(c.method+" "+strings.ReplaceAll(c.query, "&", ""), func(t *testing.T) {
			if c.method == "HEAD" && app.folder == "" {
				return // our loop does not begin with a stream that HEAD has asked for
			}
			ended := len(s.logs.records("the stream came to its end"))
			pid, _ := worker(t, url)
			g := newGate(t)
			g.open("first")
			res := send(t, request(t, c.method, url+"/gated?gate="+g.path+c.query, nil))
			if body := readAll(t, res); body != c.body {
				t.Errorf("the body is %q", body)
			}
			for range 3 {
				g.open("next")
			}
			g.open("end")
			eventually(t, "the application comes to its end", func() bool {
				return len(s.logs.records("the stream came to its end")) > ended
			})
			if stopped := s.logs.records("the stream was stopped"); len(stopped) > 0 {
				t.Errorf("it was stopped: %v", stopped)
			}
			if now, _ := worker(t, url); now != pid {
				t.Errorf("it cost worker %d, now %d serves", pid, now)
			}
		})
	}

	t.Run("a stream without end is stopped", func(t *testing.T) {
		if !able("stop") {
			return
		}
		res := send(t, request(t, "GET", url+"/bigstream?status=204&size="+strconv.Itoa(1<<50), nil))
		if body := readAll(t, res); res.StatusCode != http.StatusNoContent || body != "" {
			t.Errorf("status %d, %q", res.StatusCode, body)
		}
		worker(t, url)
	})

	t.Run("an error within it is told in the log", func(t *testing.T) {
		if app.folder != "" && able("stop") {
			return // the packages since 3.0 end such a stream as if it were whole
		}
		g := newGate(t)
		g.open("first")
		res := send(t, request(t, "GET", url+"/gated?status=204&gate="+g.path, nil))
		if res.StatusCode != http.StatusNoContent {
			t.Errorf("status %d", res.StatusCode)
		}
		g.open("throw")
		if record := s.waitLog("the answer broke off"); !strings.Contains(fmt.Sprint(record), "thrown within the stream") {
			t.Errorf("the log says %v", record)
		}
	})
}
