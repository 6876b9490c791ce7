package integration

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unlike are the lines in which two texts differ.
func unlike(got, want string) string {
	lines, others := strings.Split(got, "\n"), strings.Split(want, "\n")
	var all strings.Builder
	for _, line := range lines {
		if !slices.Contains(others, line) {
			fmt.Fprintf(&all, "\n+ %s", line)
		}
	}
	for _, line := range others {
		if !slices.Contains(lines, line) {
			fmt.Fprintf(&all, "\n- %s", line)
		}
	}
	return all.String()
}

// No request sees anything of another one, in whatever order they come and however they end.
func TestNoRequestSeesAnythingOfAnother(t *testing.T) {
	t.Parallel()
	_, files := multipartForm(t)
	type visit struct {
		who string
		asked
	}
	visits := []visit{
		{"anna", asked{path: "/a?x[]=1", headers: map[string]string{"Cookie": "a=1; PHPSESSID=session-of-anna-0123456789", "Authorization": "Basic YTpi", "X-Anna": "1"}}},
		{"bert", asked{method: "POST", path: "/b", contentType: "multipart/form-data; boundary=boundary", body: files, headers: map[string]string{"Cookie": "b=2; OF=session-of-anna-0123456789"}}},
		{"carl", asked{method: "POST", path: "/c?y=2", contentType: "application/x-www-form-urlencoded", body: "c=3&secret=4"}},
		{"nobody", asked{path: "/"}},
		{"dora", asked{method: "PUT", path: "/d", contentType: "application/json", body: `{"d":4}`}},
	}
	with := func(v visit, how string) asked {
		separator := "?"
		if strings.Contains(v.path, "?") {
			separator = "&"
		}
		v.path += separator + "who=" + v.who + "&how=" + how
		return v.asked
	}
	page := func(base string, a asked) string {
		res := a.send(t, client, base)
		head := fmt.Sprintf("%d %v %v\n", res.StatusCode, res.Header["Set-Cookie"], res.Header["X-Callback"])
		return head + strings.ReplaceAll(readAll(t, res), base, "")
	}
	for _, front := range []string{"front", "franken"} {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			ports := freePorts(t, 2)
			left := t.TempDir()
			block := func(lines ...string) string {
				lines = append(lines, "workers 1", "ini session.save_path "+t.TempDir(), "ini session.use_strict_mode 0", env("LEAK_FILES", left))
				if front == "front" {
					lines = append(lines, env("LEAK_SETTINGS", "1"))
				}
				return fmt.Sprintf("php_worker * %q {\n%s\n}\n", absolute(t, filepath.Join("testdata/sapi", "leak-"+front+".php")), strings.Join(lines, "\n"))
			}
			start(t, on(ports[0], block("max_requests 1 0"))+on(ports[1], block("name kept")))
			fresh, kept := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
			for _, how := range []string{"end", "throw", "flush", "finish"} {
				alone := make(map[string]string)
				for _, v := range visits {
					alone[v.who] = page(fresh, with(v, how))
					if how != "throw" && !strings.Contains(alone[v.who], v.who) {
						t.Fatalf("%s: a process of its own says\n%s", v.who, alone[v.who])
					}
				}
				// Each behind each of the others, and behind itself.
				for _, before := range visits {
					for _, v := range visits {
						page(kept, with(before, how))
						if got := page(kept, with(v, how)); got != alone[v.who] {
							t.Errorf("%s behind %s, which ends by %s, sees%s", v.who, before.who, how, unlike(got, alone[v.who]))
						}
					}
				}
			}
			if status, _ := get(t, kept+"/?who=last&how=end"); status != http.StatusOK && status != 280 {
				t.Errorf("status %d", status)
			}
		})
	}
}
