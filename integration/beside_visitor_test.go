package integration

import (
	"bytes"
	"context"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// visitors are two clients that do the same, one at either side, each with its cookies.
type visitors struct {
	pair    *pair
	t       *testing.T
	who     [2]*http.Client // at nginx, at php_worker
	host    string
	last    [2]heard
	masks   []func(string) string
	excuses *excuses
	// headers are sent with every request from now on.
	headers map[string]string
}

// visitors make alike, by the masks, what is never alike.
func (p *pair) visitors(t *testing.T, masks ...func(string) string) *visitors {
	t.Helper()
	v := &visitors{t: t, pair: p, host: p.theirs.host, masks: masks}
	for i, s := range []side{p.theirs, p.ours} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		var d net.Dialer
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", s.address())
		}, DisableCompression: true}
		t.Cleanup(transport.CloseIdleConnections)
		v.who[i] = &http.Client{
			Transport: transport, Jar: jar, Timeout: patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return v
}

// bodyMaker makes what one of the two sends, its type and its bytes, of the answer that it got
// last.
type bodyMaker func(last heard) (contentType, content string)

// send sends a request from both and reports every difference of the answers.
func (v *visitors) send(method, path string, make bodyMaker) (theirs, ours heard) {
	v.t.Helper()
	return v.each(method, func(heard) string { return path }, make)
}

// each is send where the two ask for different paths, made of the answer that each got last.
func (v *visitors) each(method string, to func(last heard) string, make bodyMaker) (theirs, ours heard) {
	v.t.Helper()
	path := to(v.last[0])
	for i, who := range v.who {
		var body io.Reader
		contentType := ""
		if make != nil {
			var content string
			contentType, content = make(v.last[i])
			body = strings.NewReader(content)
		}
		v.last[i] = v.one(who, method, to(v.last[i]), contentType, body)
	}
	for _, d := range differences(v.last[0], v.last[1], v.masks...) {
		if v.excuses == nil || !v.excuses.cover(method+" "+path, d) {
			v.t.Errorf("%s %s: %s", method, path, d)
		}
	}
	return v.last[0], v.last[1]
}

func (v *visitors) one(who *http.Client, method, path, contentType string, body io.Reader) (a heard) {
	r, err := http.NewRequestWithContext(v.t.Context(), method, "http://"+v.host+path, body)
	if err != nil {
		return heard{err: err}
	}
	r.Header.Set("User-Agent", "visitor")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for name, value := range v.headers {
		r.Header.Set(name, value)
	}
	res, err := who.Do(r)
	if err != nil {
		return heard{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return heard{status: res.StatusCode, header: res.Header, body: string(text), err: err}
}

// get fetches a page; the status must be the one given.
func (v *visitors) get(path string, status int) (theirs, ours heard) {
	v.t.Helper()
	return v.want(status, "GET "+path)(v.send(http.MethodGet, path, nil))
}

// want reports another status: two that are equally wrong are no proof.
func (v *visitors) want(status int, what string) func(theirs, ours heard) (heard, heard) {
	return func(theirs, ours heard) (heard, heard) {
		v.t.Helper()
		if theirs.status != status || ours.status != status {
			v.t.Errorf("%s: nginx answered %d (%v), php_worker %d (%v), want %d: %.300q", what, theirs.status, theirs.err, ours.status, ours.err, status, theirs.body)
		}
		return theirs, ours
	}
}

// submit posts a form; fields may be of the page that was fetched before.
func (v *visitors) submit(path string, status int, fields func(page string) url.Values) (theirs, ours heard) {
	v.t.Helper()
	return v.want(status, "POST "+path)(v.send(http.MethodPost, path, func(last heard) (string, string) {
		return "application/x-www-form-urlencoded", fields(last.body).Encode()
	}))
}

// upload posts a multipart form with one file.
func (v *visitors) upload(path string, status int, field, name, content string, fields func(page string) url.Values) (theirs, ours heard) {
	v.t.Helper()
	return v.want(status, "POST "+path)(v.send(http.MethodPost, path, func(last heard) (string, string) {
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		_ = form.SetBoundary("0123456789abcdef")
		all := fields(last.body)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			for _, value := range all[key] {
				_ = form.WriteField(key, value)
			}
		}
		part, _ := form.CreateFormFile(field, name)
		_, _ = io.WriteString(part, content)
		_ = form.Close()
		return form.FormDataContentType(), b.String()
	}))
}

// contain reports a text that one of the last answers does not have.
func (v *visitors) contain(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		for i, side := range []string{"nginx", "php_worker"} {
			if !strings.Contains(v.last[i].body, text) {
				v.t.Errorf("%s: the answer has no %q: %.500q", side, text, v.last[i].body)
			}
		}
	}
}

// fixed are fields that do not depend on the page before.
func fixed(pairs ...string) func(string) url.Values {
	values := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return func(string) url.Values { return values }
}

// anonymous are two more, without the cookies of these.
func (v *visitors) anonymous() *visitors {
	more := v.pair.visitors(v.t, v.masks...)
	more.host, more.excuses = v.host, v.excuses
	return more
}
