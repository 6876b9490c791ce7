package caddyfile

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// worker is what the stand-in for the handler php_worker answers.
const worker = "answered by the worker"

// serve is serveFile for a Caddyfile that is not among the files.
func serve(t *testing.T, site string) func(method, target string) *httptest.ResponseRecorder {
	t.Helper()
	return serveFile(t, "Caddyfile", site)
}

// replaceWorkers puts a fixed answer in the place of each handler php_worker, in subroutes,
// too, and returns how many there were.
func replaceWorkers(t *testing.T, routes caddyhttp.RouteList) (replaced int) {
	t.Helper()
	for _, route := range routes {
		for i, raw := range route.HandlersRaw {
			var handler struct {
				Handler string              `json:"handler"`
				Routes  caddyhttp.RouteList `json:"routes,omitempty"`
			}
			if err := json.Unmarshal(raw, &handler); err != nil {
				t.Fatal(err)
			}
			switch handler.Handler {
			case directive:
				route.HandlersRaw[i] = json.RawMessage(`{"handler": "static_response", "body": "` + worker + `"}`)
				replaced++
			case "subroute":
				replaced += replaceWorkers(t, handler.Routes)
				var err error
				if route.HandlersRaw[i], err = json.Marshal(handler); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return replaced
}

// serveFile adapts a site of the Caddyfile of that name, puts a fixed answer in the place of the handler
// php_worker, and returns a function that gives the site's answer to a request.
// Matchers and file server are the real ones.
func serveFile(t *testing.T, name, site string) func(method, target string) *httptest.ResponseRecorder {
	t.Helper()
	adapted, err := adaptFile(name, ":80 {\n"+site+"\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct{ Routes caddyhttp.RouteList }
			}
		}
	}
	if err := json.Unmarshal([]byte(adapted), &config); err != nil {
		t.Fatal(err)
	}
	routes := config.Apps.HTTP.Servers["srv0"].Routes
	replaced := replaceWorkers(t, routes)
	if replaced != 1 {
		t.Fatalf("found %d handlers in:\n%s", replaced, adapted)
	}

	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	if err := routes.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	handler := routes.Compile(caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		t.Errorf("%s went past the worker", r.URL)
		return nil
	}))
	return func(method, target string) *httptest.ResponseRecorder {
		t.Helper()
		recorder := httptest.NewRecorder()
		r := httptest.NewRequest(method, target, nil)
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), recorder, new(caddyhttp.Server))
		if err := handler.ServeHTTP(recorder, r); err != nil {
			t.Errorf("%s %s: %v", method, target, err)
		}
		return recorder
	}
}

// public makes a folder to serve and returns its path.
func public(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"app.css", "index.php", ".env", "docs/index.html", "empty/x.css", "Caddyfile"} {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("the file "+filepath.Base(name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFilesBelowTheRootAreServedAndTheRestGoesToTheWorker(t *testing.T) {
	root := public(t)
	for name, site := range map[string]string{
		"root of the site":          "root " + root + "\nphp_worker worker.php",
		"root in the block":         "php_worker worker.php {\nroot " + root + "\n}",
		"root in the block wins":    "root /nowhere\nphp_worker worker.php {\nroot " + root + "\n}",
		"root from a placeholder":   "vars base " + root + "\nphp_worker worker.php {\nroot {vars.base}\n}",
		"beside another fileserver": "root " + root + "\nphp_worker worker.php\nfile_server",
	} {
		t.Run(name, func(t *testing.T) {
			get := serve(t, site)
			for _, test := range []struct{ method, target, want string }{
				{"GET", "/app.css", "the file app.css"},
				{"HEAD", "/app.css", ""},
				{"GET", "/docs/", "the file index.html"},
				{"GET", "/", worker},
				{"GET", "/users/5", worker},
				{"GET", "/empty/", worker},
				{"GET", "/index.php", worker},
				{"GET", "/.env", worker},
				{"GET", "/app.css/", worker},
				{"POST", "/app.css", worker},
				{"DELETE", "/docs/", worker},
			} {
				answer := get(test.method, test.target)
				if answer.Code != http.StatusOK || answer.Body.String() != test.want {
					t.Errorf("%s %s: %d %q, want %q", test.method, test.target, answer.Code, answer.Body, test.want)
				}
			}
			if length := get("HEAD", "/app.css").Header().Get("Content-Length"); length != "16" {
				t.Errorf("HEAD /app.css has Content-Length %q, want that of the file", length)
			}
		})
	}
}

func TestAFolderWithAnIndexIsRedirectedToItsSlashByTheFileServer(t *testing.T) {
	answer := serve(t, "root "+public(t)+"\nphp_worker worker.php")("GET", "/docs?page=2")
	if location := answer.Header().Get("Location"); answer.Code != http.StatusPermanentRedirect || location != "/docs/?page=2" {
		t.Errorf("got %d to %q", answer.Code, location)
	}
}

func TestWithoutARootNothingIsServedFromTheCurrentFolder(t *testing.T) {
	t.Chdir(public(t))
	for name, site := range map[string]string{
		"no root":                            "php_worker worker.php",
		"empty root":                         "root \"\"\nphp_worker worker.php",
		"placeholder of the site is unset":   "root {vars.base}\nphp_worker worker.php",
		"placeholder in the block is unset":  "php_worker worker.php {\nroot {vars.base}\n}",
		"another matcher's root":             "root /other/* .\nphp_worker worker.php",
		"static files are off":               "root .\nphp_worker worker.php {\nstatic off\n}",
		"file_server comes after the worker": "php_worker worker.php\nfile_server",
	} {
		t.Run(name, func(t *testing.T) {
			if got := serve(t, site)("GET", "/app.css").Body.String(); got != worker {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTheCaddyfileIsNeverServed(t *testing.T) {
	root := public(t)
	get := serveFile(t, filepath.Join(root, "Caddyfile"), "root "+root+"\nphp_worker worker.php")
	if got := get("GET", "/Caddyfile"); got.Code != http.StatusOK || got.Body.String() != worker {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
}
