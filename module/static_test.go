package module

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// staticSite makes a folder public with a few files, and returns its path.
func staticSite(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "public")
	for _, name := range []string{"index.html", "index.php", "app.css", ".env", "CONFIG~1.TXT", "long-name~1.txt", "docs/index.html"} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("app.css", filepath.Join(root, "link.css")); err != nil {
		t.Fatal(err)
	}
	return root
}

// staticRequest is one as Caddy gives it to a matcher, with the path decoded as
// net/http does and the variables of the site.
func staticRequest(t testing.TB, method, target string, vars map[string]any) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatalf("net/http would refuse %q itself: %v", target, err)
	}
	if vars == nil {
		vars = make(map[string]any)
	}
	r := &http.Request{Method: method, URL: u, Host: "localhost", Header: make(http.Header)}
	r = r.WithContext(context.WithValue(t.Context(), caddyhttp.VarsCtxKey, vars))
	caddyhttp.NewTestReplacer(r)
	return r
}

// filesBelow is a handler that serves the files below root.
func filesBelow(root string) *Handler {
	h := &Handler{Root: root, Static: new(Static)}
	h.Static.check.logger = zap.NewNop()
	return h
}

func TestOnlyServableFilesAreServed(t *testing.T) {
	h := filesBelow(staticSite(t))
	for target, want := range map[string]bool{
		"/": true, "/app.css": true, "/%61pp.css?v=/../.env": true, "/docs": true, "/docs/": true, "//app.css": true, "/link.css": true,
		"/users/5": false, "/index.php": false, "/.env": false, "/docs/../app.css": false, "/app.css/": false, "/app.css%00": false,
		"/CONFIG~1.TXT": false, "/long-name~1.txt": true, // on Windows the one is another name of some file, the other none
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := h.servesFile(staticRequest(t, method, target, nil)); got != want {
				t.Errorf("%s %s: match %v, want %v", method, target, got, want)
			}
		}
	}
}

func TestOtherMethodsGoToTheWorker(t *testing.T) {
	h := filesBelow(staticSite(t))
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", ""} {
		if h.servesFile(staticRequest(t, method, "/app.css", nil)) {
			t.Errorf("%q /app.css matches", method)
		}
	}
}

func TestPathsWithoutALeadingSlashDoNotMatch(t *testing.T) {
	h := filesBelow(staticSite(t))
	for _, path := range []string{"", "app.css", "*"} {
		r := staticRequest(t, http.MethodGet, "/", nil)
		r.URL.Path = path
		if h.servesFile(r) {
			t.Errorf("path %q matches", path)
		}
	}
}

func TestTheRootIsTheNamedOneOrTheSitesButNeverTheCurrentFolder(t *testing.T) {
	root := staticSite(t)
	t.Chdir(root) // where /app.css would be found by mistake
	for _, test := range []struct {
		name string
		root string
		vars map[string]any
		want bool
	}{
		{name: "no root at all", want: false},
		{name: "an empty site root", vars: map[string]any{"root": ""}, want: false},
		{name: "a site root that is no text", vars: map[string]any{"root": 1}, want: false},
		{name: "the site's root", vars: map[string]any{"root": root}, want: true},
		{name: "the site's root elsewhere", vars: map[string]any{"root": filepath.Dir(root)}, want: false},
		{name: "its own root before the site's", root: root, vars: map[string]any{"root": filepath.Dir(root)}, want: true},
		{name: "a current folder that is named", root: ".", want: true},
		{name: "a root from a placeholder", root: "{http.vars.base}", vars: map[string]any{"base": root}, want: true},
		{name: "a root from two placeholders", root: "{http.vars.top}/{http.vars.sub}", vars: map[string]any{"top": filepath.Dir(root), "sub": "public"}, want: true},
		{name: "a placeholder without a value", root: "{http.vars.base}", want: false},
		{name: "a placeholder without a value in the middle", root: root + "{http.vars.base}/", want: false},
		{name: "a placeholder nobody knows", root: root + "{nonsense}", want: false},
		{name: "the default file system by name", root: root, vars: map[string]any{"fs": "default"}, want: true},
		{name: "another file system", root: root, vars: map[string]any{"fs": "embedded"}, want: false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := filesBelow(test.root)
			if got := h.servesFile(staticRequest(t, http.MethodGet, "/app.css", test.vars)); got != test.want {
				t.Errorf("match %v, want %v", got, test.want)
			}
		})
	}
}

func BenchmarkServesFile(b *testing.B) {
	h := filesBelow(staticSite(b))
	for name, target := range map[string]string{
		"dynamic":  "/users/5",
		"rejected": "/index.php",
		"file":     "/app.css",
		"link":     "/link.css",
		"front":    "/",
	} {
		b.Run(name, func(b *testing.B) {
			r := staticRequest(b, http.MethodGet, target, nil)
			b.ReportAllocs()
			for b.Loop() {
				h.servesFile(r)
			}
		})
	}
}

// What is not looked at here must not be served by the file server: the script of a folder that has an index.html, the names in it, another disk.
func TestTheFileServerFindsItsFilesByNoRuleOfItsOwn(t *testing.T) {
	for options, want := range map[string]string{
		`{"root": "/srv"}`: "root belongs to the handler",
		`{"index_names": ["index.php", "index.html"]}`:   "index_names",
		`{"index_names": []}`:                            "index_names",
		`{"browse": {}}`:                                 "browse",
		`{"fs": "embedded"}`:                             "fs",
		`{"status_code": "203", "hide": ["index.html"]}`: "",
	} {
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		t.Cleanup(cancel)
		h := filesBelow(staticSite(t))
		if err := json.Unmarshal([]byte(options), h.Static); err != nil {
			t.Fatal(err)
		}
		err := h.provisionStatic(ctx)
		if want == "" && (err != nil || !slices.Equal(h.Static.IndexNames, []string{"index.html"})) {
			t.Errorf("%s: %v, %v", options, err, h.Static.IndexNames)
		} else if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
