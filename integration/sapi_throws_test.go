package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Whatever throws while a request ends fails that request at most: the next ones find nothing of it, and the same process.
func TestWhatThrowsAtTheEndOfARequestIsNotOfTheNext(t *testing.T) {
	t.Parallel()
	s, _, ours := fronts(t)
	for front, base := range ours {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			look := func(how string) string {
				t.Helper()
				status, body := get(t, base+"/process")
				if status != http.StatusOK || !strings.HasSuffix(body, `,[],[],[],null,""]`+"\n") {
					t.Errorf("behind %q a request sees %d %s", how, status, body)
				}
				return body
			}
			process := look("nothing")
			for how, want := range map[string]int{
				"a buffer": 500, "buffers": 500, "buffers behind an exception": 500, "a buffer behind the answer": 200, "a buffer that stays": 500,
				"the headers": 500, "the headers of a flush": 500, "the handler of exceptions": 500, "destroyed headers": 500, "destroyed superglobals": 200, "a destroyed session": 200,
				"destroyed handlers": 200, "a loop within": 500,
			} {
				post := asked{method: "POST", path: "/throws?how=" + url.QueryEscape(how), contentType: "application/x-www-form-urlencoded", body: "secret=of+the+first", headers: map[string]string{"Cookie": "c=1"}}
				for range 2 {
					if res := post.send(t, client, base); res.StatusCode != want {
						t.Errorf("%s: status %d, want %d", how, res.StatusCode, want)
					}
					if got := look(how); got != process {
						t.Errorf("behind %q it is another process: %s, and before %s", how, got, process)
					}
				}
			}
			if front == "front" { // in FrankenPHP's loop they are for the end of the worker
				s.waitLog("shut down all the same")
			}
		})
	}
	t.Cleanup(func() {
		if strings.Contains(s.logs.text(), "of the page") {
			t.Error("what was printed for a client is in the log")
		}
	})
}
