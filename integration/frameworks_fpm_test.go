package integration

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// beside runs a front controller of testdata/frameworks behind our package, in one worker,
// and behind PHP-FPM, and returns both base URLs. A setting is NAME=value, of the environment of
// both, or a line of the php_worker block.
func beside(t *testing.T, script string, settings ...string) (s *server, resident, fpm string) {
	t.Helper()
	ports := freePorts(t, 2)
	folder := absolute(t, "testdata/frameworks")
	var lines, forFPM []string
	for _, setting := range settings {
		if name, value, found := strings.Cut(setting, "="); found {
			lines = append(lines, env(name, value))
			forFPM = append(forFPM, setting)
		} else {
			lines = append(lines, setting)
		}
	}
	s = start(t, fmt.Sprintf("http://127.0.0.1:%d {\n\tphp_worker * %q {\n\t\tworkers 1\n\t\t%s\n\t}\n}\nhttp://127.0.0.1:%d {\n\troot %q\n\trewrite * /%s\n\tphp_fastcgi %q\n}\n",
		ports[0], filepath.Join(folder, script), strings.Join(lines, "\n\t\t"), ports[1], folder, script, "unix/"+startFPM(t, forFPM)))
	return s, fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
}

// question is a request that both answer.
type question struct {
	path string
	// of a form: fields by name; a value that begins with "@" is a file of this name, "@" alone one that was not chosen
	form    [][2]string
	cookies string
}

func (q question) ask(t *testing.T, base string) string {
	t.Helper()
	r := request(t, http.MethodGet, base+q.path, nil)
	if q.form != nil {
		var body strings.Builder
		for _, field := range q.form {
			value, file := strings.CutPrefix(field[1], "@")
			if file {
				fmt.Fprintf(&body, "--B\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n%s\r\n", field[0], value, value)
			} else {
				fmt.Fprintf(&body, "--B\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", field[0], value)
			}
		}
		r = request(t, http.MethodPost, base+q.path, strings.NewReader(body.String()+"--B--\r\n"))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	}
	if q.cookies != "" {
		r.Header.Set("Cookie", q.cookies)
	}
	status, body := do(t, r)
	return fmt.Sprintf("%d %s", status, strings.ReplaceAll(body, strings.TrimPrefix(base, "http://"), "base"))
}

// differ asks both each question in turn, twice over.
func differ(t *testing.T, resident, fpm string, questions []question) {
	t.Helper()
	for range 2 {
		for _, q := range questions {
			if got, want := q.ask(t, resident), q.ask(t, fpm); got != want {
				t.Errorf("%+v: the worker answered\n%.1000s\nPHP-FPM\n%.1000s", q, got, want)
			}
		}
	}
}

// forms have file fields that were left empty, in every way a browser sends them.
func forms(path string) (all []question) {
	for _, form := range [][][2]string{
		{{"file", "@"}}, {{"file", "@"}, {"t", "x"}}, {{"photos[]", "@"}}, {{"photos[]", "@a"}, {"photos[]", "@"}, {"photos[]", "@b"}},
		{{"f[photo]", "@"}, {"f[doc]", "@a.txt"}}, {{"f[a][]", "@"}}, {{"f[name]", "@"}}, {{"file", "@a.txt"}}, {{"file", "text"}}, {{"t", "x"}},
	} {
		all = append(all, question{path: path, form: form})
	}
	return all
}

func TestSymfonyAnswersAsBehindPHPFPM(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"the kernel": "A=a", "HttpCache around it": "HTTP_CACHE=1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, resident, fpm := beside(t, "symfony.php", "APP_VAR="+t.TempDir(), more)
			differ(t, resident, fpm, append(forms("/files"),
				question{path: "/cookies", cookies: "a=%E9; c[x]=1; c[y]=2; d.e=3; a=second; g=a+b%2Bc; f"},
				question{path: "/script"}, question{path: "/error"}, question{path: "/problem"}, question{path: "/main"},
				question{path: "/stream"}, question{path: "/countdown"}, question{path: "/bare"}, question{path: "/nested"}, question{path: "/download"}, question{path: "/nowhere"}, question{path: "/main"},
			))
			for _, unwanted := range []string{"has no effect", "output of echo"} {
				if records := s.logs.records(unwanted); len(records) > 0 {
					t.Errorf("the log has %v", records)
				}
			}
		})
	}
}

func TestWhatACallbackPrintsForNobodyGoesNowhere(t *testing.T) {
	t.Parallel()
	for _, relay := range []string{"relay auto", "relay stdio"} {
		t.Run(relay, func(t *testing.T) {
			t.Parallel()
			s, resident, _ := beside(t, "symfony.php", "APP_VAR="+t.TempDir(), relay)
			_, pid := get(t, resident+"/pid")
			for range 3 {
				res := send(t, request(t, http.MethodGet, resident+"/deaf", nil))
				if _, err := io.ReadFull(res.Body, make([]byte, 20)); err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
			}
			if status, now := get(t, resident+"/pid"); status != http.StatusOK || now != pid {
				t.Errorf("the next request: status %d, process %q was %q", status, now, pid)
			}
			eventually(t, "three callbacks have ended", func() bool { return len(s.logs.records("the deaf stream has ended")) == 3 })
			if records := s.logs.records("tick "); len(records) > 0 {
				t.Errorf("the log has %d lines of the streams, the first is %v", len(records), records[0])
			}
			// Output is still taken care of.
			if status, body := do(t, request(t, http.MethodPost, resident+"/exit", nil)); status != http.StatusOK || body != "last words" {
				t.Errorf("exit() is answered %d %q", status, body)
			}
		})
	}
}

func TestLaravelAnswersAsBehindPHPFPM(t *testing.T) {
	t.Parallel()
	s, resident, fpm := beside(t, "laravel.php", "APP_STORAGE="+t.TempDir())
	questions := append(append(forms("/files"), forms("/validate")...), forms("/store")...)
	for _, path := range []string{"/found", "/leave", "/nowhere", "/found", "/open", "/write", "/rows", "/log", "/log", "/error", "/bare", "/rows", "/found"} {
		questions = append(questions, question{path: path})
	}
	differ(t, resident, fpm, append(questions, question{path: "/cookies", cookies: "a=%E9; c[x]=1; c[y]=2; d.e=3; a=second; g=a+b%2Bc; f"}))
	if _, lines := get(t, resident+"/lines"); lines != "4" {
		t.Errorf("%s of the 4 lines that handlers have collected are in the log", lines)
	}
	s.waitLog("a transaction was left open")
	if records := s.logs.records("output of echo"); len(records) > 0 {
		t.Errorf("the log has %v", records)
	}
}

func TestLaravelWithoutAKeyFailsWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	s, resident, fpm := beside(t, "laravel.php", "APP_STORAGE="+t.TempDir(), "NO_KEY=1")
	differ(t, resident, fpm, []question{{path: "/found"}, {path: "/encrypt"}, {path: "/found"}})
	s.waitLog("No application encryption key has been specified")
}
