package caddyfile

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// worker is the status of what a worker has been asked for: its pool has not been started, and nobody waits for it.
const worker = 499

// serve is serveFile for a Caddyfile that is not among the files.
func serve(t *testing.T, site string) func(method, target string) *httptest.ResponseRecorder {
	t.Helper()
	return serveFile(t, "Caddyfile", site)
}

// serveFile provisions a site of the Caddyfile of that name, starts nothing, and returns a function that gives the site's
// answer to a request whose client has gone already: it gets files all the same, and is not waiting for a worker.
func serveFile(t *testing.T, name, site string) func(method, target string) *httptest.ResponseRecorder {
	t.Helper()
	adapted, err := adaptFile(name, "{\nadmin off\npersist_config off\n}\n:80 {\n"+site+"\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	var config caddy.Config
	if err := json.Unmarshal([]byte(adapted), &config); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&config)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	server := app.(*caddyhttp.App).Servers["srv0"]
	gone, leave := context.WithCancel(t.Context())
	leave()
	return func(method, target string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, httptest.NewRequestWithContext(gone, method, target, nil))
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
			for _, test := range []struct {
				method, target, want string
				status               int
			}{
				{"GET", "/app.css", "the file app.css", http.StatusOK},
				{"HEAD", "/app.css", "", http.StatusOK},
				{"GET", "/docs/", "the file index.html", http.StatusOK},
				{"GET", "/", "", worker},
				{"GET", "/users/5", "", worker},
				{"GET", "/empty/", "", worker},
				{"GET", "/index.php", "", worker},
				{"GET", "/.env", "", worker},
				{"GET", "/app.css/", "", worker},
				{"POST", "/app.css", "", worker},
				{"DELETE", "/docs/", "", worker},
			} {
				answer := get(test.method, test.target)
				if answer.Code != test.status || answer.Body.String() != test.want {
					t.Errorf("%s %s: %d %q, want %d %q", test.method, test.target, answer.Code, answer.Body, test.status, test.want)
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
			if got := serve(t, site)("GET", "/app.css"); got.Code != worker {
				t.Errorf("got %d %q", got.Code, got.Body)
			}
		})
	}
}

func TestTheCaddyfileIsNeverServed(t *testing.T) {
	root := public(t)
	get := serveFile(t, filepath.Join(root, "Caddyfile"), "root "+root+"\nphp_worker worker.php")
	if got := get("GET", "/Caddyfile"); got.Code != worker {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
}
