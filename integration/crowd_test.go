package integration

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// crowdSeen is what testdata/sapi/crowd.php tells of the request that it answers.
type crowdSeen struct {
	Get, Post, Cookie, Request json.RawMessage
	Input                      string
	Auth                       [2]*string
	Header, All, Filter        *string
	URI                        string
	Files                      json.RawMessage
	Buffers, Status            int
	Headers                    []string
	Error, Left                *string
	Session                    string
	SessionBefore              *string         `json:"session before"`
	SessionThere               json.RawMessage `json:"session there"`
}

// crowdVisitor is one of many who each have a name, and who send it in every way that there is.
type crowdVisitor struct {
	name, base string
	who        *http.Client
	shutdown   bool // functions for the shutdown are for that of each request
	g          *rand.Rand
	n          int
}

// ask sends one request, and says what is wrong with the answer; "" where there is nothing wrong. lost says that there was none.
func (v *crowdVisitor) ask(ctx context.Context) (wrong string, lost bool) {
	v.n++
	token := fmt.Sprintf("%s-%d", v.name, v.n)
	how := []string{"end", "end", "end", "exit", "flush", "throw", "session"}[v.g.IntN(7)]
	method, body, contentType := http.MethodGet, "", ""
	post, files := "[]", "[]"
	switch v.g.IntN(4) {
	case 0:
		method, body, contentType = http.MethodPost, "p="+token, "application/x-www-form-urlencoded"
		post = fmt.Sprintf(`{"p":%q}`, token)
	case 1:
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		_ = w.WriteField("p", token)
		part, _ := w.CreateFormFile("f", token+".txt")
		content := strings.Repeat(token, 1+v.g.IntN(2000))
		_, _ = io.WriteString(part, content)
		w.Close()
		method, body, contentType = http.MethodPost, form.String(), w.FormDataContentType()
		post = fmt.Sprintf(`{"p":%q}`, token)
		sum := md5.Sum([]byte(content))
		files = fmt.Sprintf(`{"f":[%q,%d,%q,true]}`, token+".txt", len(content), hex.EncodeToString(sum[:]))
	case 2:
		method, body, contentType = http.MethodPut, token, "text/plain"
	}
	r, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/crowd.php?who=%s&how=%s", v.base, token, how), strings.NewReader(body))
	if err != nil {
		return err.Error(), false
	}
	if body == "" {
		r.Body = nil
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.SetBasicAuth(v.name, token)
	r.Header.Set("X-Who", token)
	own := ""
	for _, c := range v.who.Jar.Cookies(r.URL) {
		if c.Name == "own" {
			own = c.Value
		}
	}
	res, err := v.who.Do(r)
	if err != nil {
		return "", true
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode == http.StatusBadGateway && len(text) == 0 {
		return "", true
	}
	if how == "throw" {
		if len(text) > 0 && !strings.HasPrefix(string(text), token+" {") || res.StatusCode != 500 && res.StatusCode != 210 {
			return fmt.Sprintf("%s throws: %d, %.300q", token, res.StatusCode, text), false
		}
		return "", false
	}
	end := ""
	if v.shutdown || how == "exit" {
		end = " end of " + token
	}
	line, rest, _ := strings.Cut(string(text), "\n")
	if said, ok := strings.CutPrefix(line, token+" "); ok {
		line = said
	} else {
		return fmt.Sprintf("%s %s is answered %d %.300q", token, how, res.StatusCode, text), false
	}
	var got crowdSeen
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		return fmt.Sprintf("%s: %v: %.300s", token, err, line), false
	}
	cookie, _ := url.QueryUnescape(own)
	sum := md5.Sum([]byte(body))
	if strings.HasPrefix(contentType, "multipart") {
		sum = md5.Sum(nil)
	}
	is := func(p *string, want string) bool { return p != nil && *p == want }
	none := func(p *string) bool { return p == nil }
	var wrongs []string
	for what, right := range map[string]bool{
		"status": res.StatusCode == 210, "end": rest == end, "late header": end == "" && res.Header["X-Late"] == nil || end != "" && (fmt.Sprint(res.Header["X-Late"]) == "["+token+"]" || how == "flush"), "header": fmt.Sprint(res.Header["X-Own"]) == "["+token+"]", "own cookie": strings.HasPrefix(strings.Join(res.Header["Set-Cookie"], "|"), "own="+token) || strings.Contains(strings.Join(res.Header["Set-Cookie"], "|"), "|own="+token),
		"get": string(got.Get) == fmt.Sprintf(`{"who":%q,"how":%q}`, token, how), "post": string(got.Post) == post, "files": string(got.Files) == files, "input": got.Input == hex.EncodeToString(sum[:]),
		"cookie": own == "" || strings.Contains(string(got.Cookie), fmt.Sprintf("%q", cookie)), "foreign cookie": !strings.Contains(strings.ReplaceAll(string(got.Cookie), v.name+"-", ""), "visitor"),
		"auth": is(got.Auth[0], v.name) && is(got.Auth[1], token), "x-who": is(got.Header, token) && is(got.All, token) && is(got.Filter, token), "uri": strings.Contains(got.URI, "who="+token+"&"),
		"buffers": got.Buffers == 0, "headers": len(got.Headers) == 0, "code": got.Status == 200, "error": none(got.Error), "session": strings.HasPrefix(got.Session, v.name+"-"), "session before": none(got.SessionBefore) && got.SessionThere == nil,
	} {
		if !right {
			wrongs = append(wrongs, what)
		}
	}
	if len(wrongs) > 0 {
		return fmt.Sprintf("%s %s %s: wrong are %v: %d %v %.1500s", method, token, how, wrongs, res.StatusCode, res.Header, text), false
	}
	return "", false
}

// Many visitors, each with a name of its own in everything that a request has: none finds another's, whatever happens to the
// processes meanwhile.
func TestNobodyInACrowdSeesAnother(t *testing.T) {
	t.Parallel()
	folder := absolute(t, "testdata/sapi")
	for _, front := range []string{"front", "franken", "classic"} {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			lines := []string{"name app", "workers 3", "ini session.save_path " + t.TempDir(), "ini display_errors 0", "ini session.use_strict_mode 0"}
			block := fmt.Sprintf("php_worker * %q {\n%s\n}\n", filepath.Join(folder, "crowd-"+front+".php"), strings.Join(lines, "\n"))
			if front == "classic" {
				block = classicDirective(folder, lines...)
			}
			s, base := site(t, block, quiet)
			s.settled("app", 3)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(number(t, "CROWD_SECONDS", uint64(size(3, 60))))*time.Second)
			defer cancel()
			var all sync.WaitGroup
			var asked, lost atomic.Int64
			kills, restarts := 0, 0
			for n := range 8 {
				v := &crowdVisitor{name: fmt.Sprintf("visitor%c", 'a'+n), base: base, who: visitor(t), shutdown: front != "franken", g: rand.New(rand.NewPCG(uint64(n), rand.Uint64()))}
				all.Go(func() {
					for ctx.Err() == nil {
						wrong, none := v.ask(t.Context())
						asked.Add(1)
						if none {
							lost.Add(1)
						}
						if wrong != "" {
							t.Errorf("%s", wrong)
							return
						}
					}
				})
			}
			tick := time.NewTicker(150 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				<-tick.C
				if n%4 == 3 {
					s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/app/restart?wait=true", "")
					restarts++
					continue
				}
				// One that has answered nobody yet, and ends, would look as if workers could not start.
				workers := slices.DeleteFunc(s.pool("app").Workers, func(w workerView) bool { return w.Requests == 0 || w.State != "idle" && w.State != "busy" })
				if len(workers) > 0 && syscall.Kill(workers[rand.IntN(len(workers))].PID, syscall.SIGKILL) == nil {
					kills++
				}
			}
			all.Wait()
			s.settled("app", 3)
			t.Logf("%s: %d requests, %d lost with %d kills; %d restarts", front, asked.Load(), lost.Load(), kills, restarts)
			if lost.Load() > int64(kills) || asked.Load() < 8 {
				t.Errorf("%d requests, %d lost with %d kills", asked.Load(), lost.Load(), kills)
			}
		})
	}
}

// A script that loops over frankenphp_handle_request() ends with exit(). What functions of other requests say then is not for
// the client of this one.
func TestWhatAnEarlierRequestHasLeftForTheEndIsNotOfTheLastAnswer(t *testing.T) {
	t.Parallel()
	_, base := site(t, fmt.Sprintf("php_worker * %q {\nworkers 1\nini session.save_path %s\n}\n", absolute(t, "testdata/sapi/crowd-franken.php"), t.TempDir()))
	for range 3 {
		for _, path := range []string{"?who=anna&how=end", "?who=bert&how=throw", "?who=carl&how=flush"} {
			get(t, base+"/"+path)
		}
		res := send(t, request(t, http.MethodGet, base+"/?who=dora&how=exit", nil))
		body := readAll(t, res)
		if !strings.HasSuffix(body, "\n end of dora") || strings.Contains(body, "anna") || strings.Contains(body, "bert") || strings.Contains(body, "carl") || fmt.Sprint(res.Header["X-Late"]) != "[dora]" {
			t.Errorf("%v, %q", res.Header, body)
		}
	}
}
