package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// testErrors lets the application fail in every way that leaves its process
// unharmed: it costs one answer, never a worker, and never another user's answer.
func testErrors(t *testing.T, app front) {
	s, url := app.site(t, "workers 1")
	pid, _ := worker(t, url)

	t.Run("an error is 500 without a text", func(t *testing.T) {
		for _, path := range []string{"/error", "/throw"} {
			if status, body := get(t, url+path); status != 500 || body != "" {
				t.Errorf("%s: status %d, %q", path, status, body)
			}
		}
		for _, want := range []string{"the reason why", "thrown by the application"} {
			s.waitLog(want)
		}
	})

	t.Run("a status that HTTP does not have is 502", func(t *testing.T) {
		for _, status := range []int{-1, 0, 1, 99, 600, 610, 999, 1000, 1 << 40} {
			if got, body := do(t, answerRequest(t, url, status, nil, "the body")); got != 502 || body != "" {
				t.Errorf("status %d became %d, %q", status, got, body)
			}
		}
	})

	t.Run("101 and a lonely 103 are 502", func(t *testing.T) {
		for _, status := range []int{100, 101, 103} {
			if got, body := do(t, answerRequest(t, url, status, nil, "")); got != 502 || body != "" {
				t.Errorf("status %d became %d, %q", status, got, body)
			}
		}
	})

	if now, _ := worker(t, url); now != pid {
		t.Errorf("one of these errors cost a worker: %d is now %d", pid, now)
	}

	// From here on each answer too many costs its worker.
	t.Run("an answer that cannot be read is 502", func(t *testing.T) {
		for _, answer := range []string{
			`{"status":"abc","headers":{}}`, `{"status":null,"headers":{}}`, `{"status":[200],"headers":{}}`, `{"status":2.5}`,
			`{"headers":{}}`, `{"status":200,"headers":{"X-Bad":[[]]}}`, `{"status":200,"headers":{`, `{`, `[]`, `nonsense`, `"200"`,
		} {
			if got, body := do(t, request(t, "POST", url+"/raw", strings.NewReader(answer))); got != 502 || body != "" {
				t.Errorf("the answer %s became status %d, %q", answer, got, body)
			}
		}
	})

	t.Run("an answer too many is nobody's answer", func(t *testing.T) {
		for n := range 10 {
			for _, path := range []string{"/double", "/late-error", "/id"} {
				askRight(t, url, path, fmt.Sprintf("%d", n))
			}
		}
	})
}

// testAnswersUnderLoad mixes correct answers with doubled ones and late errors,
// from 16 clients at once: each must get what belongs to its own request.
func testAnswersUnderLoad(t *testing.T, app front) {
	_, url := app.site(t, "workers 3")
	var clients sync.WaitGroup
	for c := range 16 {
		clients.Go(func() {
			for n := range 9 {
				askRight(t, url, []string{"/double", "/id", "/late-error"}[(c+n)%3], fmt.Sprintf("%d-%d", c, n))
			}
		})
	}
	clients.Wait()
}

// askRight sends a request with an id and expects the answer with the same one.
func askRight(t *testing.T, url, path, id string) {
	t.Helper()
	res, err := client.Do(request(t, "GET", url+path+"?id="+id, nil))
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || string(body) != "right "+id {
		t.Errorf("%s %s was answered %d, %q, %v", path, id, res.StatusCode, body, err)
	}
}

// testExits lets the process end in the middle of a request.
func testExits(t *testing.T, app front) {
	_, url := app.site(t, "workers 1")
	before, _ := worker(t, url)
	tries := filepath.Join(t.TempDir(), "tries")
	if status, body := do(t, request(t, "POST", url+"/exit?tries="+tries, strings.NewReader("a"))); status != 502 || body != "" {
		t.Errorf("POST: status %d, %q, want 502", status, body)
	}
	if after, _ := worker(t, url); after == before {
		t.Errorf("worker %d serves although it has exited", after)
	}
	expectFile(t, tries, "POST\n")

	for _, c := range []struct {
		method string
		status int
	}{{"GET", 200}, {"HEAD", 200}, {"OPTIONS", 200}, {"POST", 502}, {"PUT", 502}, {"DELETE", 502}} {
		flag := filepath.Join(t.TempDir(), "flag")
		status, body := do(t, request(t, c.method, url+"/exit-once?flag="+flag, nil))
		if status != c.status {
			t.Errorf("%s, exiting once: status %d, %q, want %d", c.method, status, body, c.status)
		}
		worker(t, url) // or so many exits would pass for a crash loop
	}

	if status, _ := get(t, url+"/exit?tries="+tries); status != 502 {
		t.Errorf("GET, exiting always: status %d, want 502", status)
	}
	expectFile(t, tries, "POST\nGET\nGET\n")
}

func expectFile(t *testing.T, path, want string) {
	t.Helper()
	if content, err := os.ReadFile(path); err != nil || string(content) != want {
		t.Errorf("%s holds %q, %v, want %q", filepath.Base(path), content, err, want)
	}
}

// TestDebugShowsAndLogsTheErrorText is the other side of "500 without a text".
func TestDebugShowsAndLogsTheErrorText(t *testing.T) {
	t.Parallel()
	s, url := loop.site(t, "workers 1", "debug")
	for path, c := range map[string]struct {
		status       int
		shown, error string
	}{
		"/error": {500, "the reason why", "the reason why"},
		"/fatal": {502, "PHP Fatal error:  out of the blue in app.php", "failed (exit status 255)"},
	} {
		res := send(t, request(t, http.MethodPost, url+path, nil))
		if body := readAll(t, res); res.StatusCode != c.status || !strings.Contains(body, c.shown) {
			t.Errorf("%s: status %d, %q", path, res.StatusCode, body)
		}
		// A developer's page must not run what an attacker put into the text.
		if kind, sniff := res.Header.Get("Content-Type"), res.Header.Get("X-Content-Type-Options"); kind != "text/plain; charset=utf-8" || sniff != "nosniff" {
			t.Errorf("the text is sent as %q, %q", kind, sniff)
		}
		eventually(t, path+" is in the log", func() bool {
			return slices.ContainsFunc(s.logs.records("because debug is on"), func(r map[string]any) bool {
				text, _ := r["error"].(string)
				return r["uri"] == path && r["status"] == float64(c.status) && strings.Contains(text, c.error)
			})
		})
	}
}
