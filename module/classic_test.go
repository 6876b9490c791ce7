package module

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/phpworker/caddy-php-worker/module/classic"
)

// classicHandler is a handler in classic mode whose requests reach no process.
func classicHandler(t *testing.T) *Handler {
	t.Helper()
	h := unpooled(t)
	h.Attributes, h.pool.classic, h.pool.codec = nil, true, nil
	var err error
	if h.router, err = classic.NewRouter(h.rules(nil)); err != nil {
		t.Fatal(err)
	}
	return h
}

// asked is a request as Caddy hands it on: rewritten to path, on a site with that root.
func asked(method, target, path, root string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	original := *r
	u := *r.URL
	original.URL = &u
	r.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
	r.RequestURI = r.URL.RequestURI()
	repl := caddy.NewReplacer()
	ctx := context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original)
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, repl)
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{"root": root})
	repl.Set("host", "site")
	return r.WithContext(ctx)
}

func TestAScriptIsLookedForBelowTheRootOfTheSiteOrTheHandler(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range []string{"site", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, site), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, site, "index.php"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h := classicHandler(t)
	for _, c := range []struct{ own, site, want string }{
		{"", filepath.Join(dir, "other"), "other"}, {filepath.Join(dir, "site"), filepath.Join(dir, "other"), "site"}, {filepath.Join(dir, "{host}"), "", "site"},
	} {
		h.Root = c.own
		if d := h.route(asked("GET", "/old", "/new", c.site)); d.Status != 0 || d.Script.File != filepath.Join(dir, c.want, "index.php") {
			t.Errorf("root %q on a site with %q: %+v", c.own, c.site, d)
		}
	}
	h.Root = "{http.vars.no_such}"
	for range 2 {
		if d := h.route(asked("GET", "/", "/", "")); d.Status != http.StatusInternalServerError || !strings.Contains(d.Reason, "no folder is named") {
			t.Errorf("without a root: %+v", d)
		}
		h.Root = ""
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if d := h.route(asked("GET", "/", "/", "testdata/no such")); d.Status != http.StatusNotFound || !strings.Contains(d.Reason, filepath.Join(wd, "testdata")) {
		t.Errorf("a root that is not there: %+v", d)
	}
}

func TestWhatNoScriptAnswersIsAnErrorForHandleErrors(t *testing.T) {
	h := classicHandler(t)
	for _, status := range []int{400, 403, 404, 410, 500} {
		w := httptest.NewRecorder()
		err := h.refuse(w, asked("GET", "/", "/", ""), classic.Decision{Status: status, Reason: "the reason"})
		e, ok := errors.AsType[caddyhttp.HandlerError](err)
		if !ok || e.StatusCode != status || !strings.Contains(err.Error(), "the reason") || w.Body.Len() > 0 {
			t.Errorf("%d: %v, %q", status, err, w.Body)
		}
	}
}

func TestARedirectionToASlashStaysOnTheHostWhateverThePathIs(t *testing.T) {
	h := classicHandler(t)
	for target, want := range map[string]string{
		"/sub": "./sub/", "/a/sub?q=1&r": "./sub/?q=1&r", "/a%20b": "./a%20b/", "/a:b": "./a:b/", "//evil.example/..%2fsub": "./..%2fsub/", "/%2Fevil.example%2F..%2Fsub": "./%2Fevil.example%2F..%2Fsub/",
		"/%5cevil.example": "./%5cevil.example/", "/sub%0d%0aX:y": "./sub%0d%0aX:y/", "/sub%3fa": "./sub%3fa/",
	} {
		w := httptest.NewRecorder()
		if err := h.refuse(w, asked("POST", target, "/sub", ""), classic.Decision{Status: http.StatusPermanentRedirect}); err != nil {
			t.Fatal(err)
		}
		location := w.Header().Get("Location")
		if w.Code != http.StatusPermanentRedirect || location != want {
			t.Errorf("%s: %d to %q, want %q", target, w.Code, location, want)
		}
		base := &url.URL{Scheme: "https", Host: "site.example", Path: "/"}
		if to, err := base.Parse(location); err != nil || to.Host != "site.example" {
			t.Errorf("%s leads to %v, %v", target, to, err)
		}
	}
}

func TestOptionsOfAHandlerThatMeanNothingInItsModeAreRefused(t *testing.T) {
	for want, change := range map[string]func(h *Handler){
		"raw_body has no meaning in classic mode":    func(h *Handler) { h.RawBody = true },
		"attributes has no meaning in classic mode":  func(h *Handler) { h.Attributes = []Attribute{{"a", "b"}} },
		"max_files has no meaning in classic mode":   func(h *Handler) { h.Uploads.MaxFiles = 1 },
		"allow has no meaning in classic mode":       func(h *Handler) { h.Uploads.Allow = []string{"jpg"} },
		"forbid has no meaning in classic mode":      func(h *Handler) { h.Uploads.Forbid = []string{"php"} },
		"index has no meaning in worker mode":        func(h *Handler) { h.pool.classic, h.Index = false, []string{"a.php"} },
		"try_files has no meaning in worker mode":    func(h *Handler) { h.pool.classic, h.TryFiles = false, []string{"{path}"} },
		"deny_scripts has no meaning in worker":      func(h *Handler) { h.pool.classic, h.DenyScripts = false, []string{"/up"} },
		"root has no meaning in worker mode without": func(h *Handler) { h.pool.classic, h.Root = false, "/srv" },
	} {
		h := classicHandler(t)
		if err := h.Validate(); err != nil {
			t.Fatal(err)
		}
		change(h)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestScriptsSeeTheURIThatWasSentAlsoInAnErrorPage(t *testing.T) {
	h := classicHandler(t)
	r := asked("GET", "/sent?a=b", "/rewritten", "")
	page := r.WithContext(context.WithValue(r.Context(), caddyhttp.ErrorCtxKey, errors.New("an error")))
	for name, r := range map[string]*http.Request{"a request": r, "an error page": page} {
		if info := h.info(r); info.URI != "/sent?a=b" || info.Seen.Path != "/sent" {
			t.Errorf("%s: %q, %v", name, info.URI, info.Seen)
		}
	}
	h.URI = rewritten
	if info := h.info(r); info.URI != "/rewritten?a=b" || info.Seen.Path != "/rewritten" {
		t.Errorf("the rewritten one: %q, %v", info.URI, info.Seen)
	}
}
