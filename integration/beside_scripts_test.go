package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scriptsPair serves testdata/beside/scripts twice, each side its own copy, so that none
// sees what the other has written.
func scriptsPair(t *testing.T, p pairing) (*pair, *visitors) {
	t.Helper()
	for _, root := range []*string{&p.root, &p.ours} {
		*root = filepath.Join(t.TempDir(), "site")
		if err := os.CopyFS(*root, os.DirFS("testdata/beside/scripts")); err != nil {
			t.Fatal(err)
		}
		put(t, *root, map[string]string{"internal/secret file.txt": "the internal file\n"})
	}
	p.server += "location /internal/ { internal; }"
	p.block = append(p.block, fmt.Sprintf("sendfile %q", p.ours))
	both := p.start(t)
	return both, both.visitors(t, masked(`PHPSESSID(=|":")[a-z0-9,-]{20,}`), masked(`Max-Age=\d+`), dates, replaced(p.root, p.ours))
}

// replaced makes two paths alike.
func replaced(theirs, ours string) func(string) string {
	escaped := func(path string) string { return strings.ReplaceAll(path, "/", `\/`) }
	return strings.NewReplacer(theirs, "ROOT", ours, "ROOT", escaped(theirs), "ROOT", escaped(ours), "ROOT").Replace
}

// scriptExcuses are the answers of scripts that differ.
var scriptExcuses = []excuse{
	{`GET /status.php\?by=status&status=304`, "Content-Type: ", "an answer 304 has no Content-Type"},
	{`\w+ /(headers|events).php`, "X-Accel-", "headers for nginx may be for one in front"},
	{"GET /untyped.php", "Content-Type: ", "an answer without a type gets one, as no browser is to guess"},
	{"GET /accel.php", "X-Powered-By: ", "what PHP says besides of a file that is sent for it stays"},
	{"GET /broken.inc", "(status|body): ", "code is never served, whatever it is named"},
}

// TestClassicPlainScriptsAnswerAsBehindNginx asks a folder of scripts for what PHP can do
// with an answer.
func TestClassicPlainScriptsAnswerAsBehindNginx(t *testing.T) {
	t.Parallel()
	_, v := scriptsPair(t, pairing{})
	v.excuses = excusing(t, scriptExcuses...)

	v.get("/visits.php", 200)
	v.contain("Visit 1")
	v.get("/visits.php", 200)
	v.contain("Visit 2")
	v.get("/renew.php", 200)
	v.contain("Still visit 2")
	v.get("/visits.php", 200)
	v.contain("Visit 3")
	v.get("/forget.php", 200)
	v.get("/visits.php", 200)
	v.contain("Visit 1")

	v.get("/cookies.php", 200)
	v.get("/cookies.php", 200)
	v.contain(`"plain":"a b;c"`)

	for _, status := range []int{301, 302, 303, 307, 308} {
		v.get(fmt.Sprintf("/redirect.php?status=%d", status), status)
	}
	for _, by := range []string{"code", "line", "status", "header"} {
		for _, status := range []int{200, 201, 204, 304, 400, 401, 403, 404, 410, 418, 422, 500, 503, 599} {
			v.get(fmt.Sprintf("/status.php?by=%s&status=%d", by, status), status)
		}
	}
	v.get("/headers.php", 200)
	v.get("/untyped.php", 200)
	v.send(http.MethodHead, "/headers.php", nil)
	v.send(http.MethodHead, "/large.php", nil)
	v.send(http.MethodHead, "/stream.php", nil)
	v.get("/stream.php", 200)
	v.contain("piece 4")
	v.get("/events.php", 200)
	v.contain("data: 2")
	v.get("/buffers.php", 200)
	v.contain("UPPER NESTED never closed")
	v.get("/implicit.php", 200)
	for _, how := range []string{"text", "number", "function", "twice", "buffer"} {
		v.get("/exits.php?how="+how, 200)
		v.contain(" shutdown")
	}
	v.get("/large.php", 200)
	v.get("/length.php", 200)
	v.get("/download.php", 200)
	v.contain("readfile(__FILE__)")
	v.get("/accel.php", 200)
	v.contain("the internal file")
	v.get("/auth.php", 401)
	v.get("/compress.php", 200)
	v.get("/nothing.php", 200)
	v.get("/page.html", 200)
	v.contain("<p>a page</p>")
	v.send(http.MethodGet, "/broken.inc", nil)
	v.get("/settings/", 200)
	v.contain("prepended 7")
	v.get("/settings/index.php", 200)
	v.contain("prepended 7")
	for range 6 { // by either process, before and after what a request has left behind
		v.get("/state.php", 200)
	}

	v.upload("/files.php", 200, "file", "photo.bin", strings.Repeat("\x00\xff\r\n", 50_000), fixed("a", "1", "b[]", "2"))
	v.contain(`"photo.bin"`, ",true]")
	v.upload("/files.php", 200, "file", "large.bin", strings.Repeat("x", 1_900_000), fixed())
	v.submit("/client.php?a=b", 200, fixed("x", "y z"))
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		v.send(method, "/client.php", func(heard) (string, string) { return "application/json", `{"a":1}` })
		v.contain(method, `{\"a\":1}`)
	}

	v.get("/finish.php?id=1", 200)
	v.contain("answered ")
	eventually(t, "both have done what was to be done after the answer", func() bool {
		for _, who := range v.who {
			if a := v.one(who, http.MethodGet, "/finish.php?id=1&look", "", nil); !strings.HasPrefix(a.body, "done") {
				return false
			}
		}
		return true
	})
	v.get("/finish.php?id=1&look", 200)
}

// TestClassicErrorsOfPHPAnswerAsBehindNginx lets scripts fail, with errors shown and hidden.
func TestClassicErrorsOfPHPAnswerAsBehindNginx(t *testing.T) {
	t.Parallel()
	for _, shown := range []string{"0", "1"} {
		t.Run("display_errors "+shown, func(t *testing.T) {
			t.Parallel()
			both, v := scriptsPair(t, pairing{ini: [][2]string{{"display_errors", shown}, {"memory_limit", "64M"}}})
			for _, what := range []string{"exception", "undefined", "parse", "warning", "user", "memory", "require", "time", "handled"} {
				for _, before := range []string{"", "&before"} {
					if what == "time" && before+shown != "0" { // a second of CPU each time
						continue
					}
					theirs, _ := v.send(http.MethodGet, "/errors.php?what="+what+before, nil)
					if shown == "0" && strings.Contains(theirs.body, "secret") {
						t.Errorf("%s is shown: %q", what, theirs.body)
					}
				}
			}
			v.send(http.MethodGet, "/broken.php", nil)
			v.get("/visits.php", 200)
			both.caddy.waitLog("secret of the exception")
		})
	}
}
