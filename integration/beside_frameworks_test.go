package integration

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// never the same: who answers, and what is drawn.
var frameworkMasks = []func(string) string{
	masked(`of process \d+`), masked(`PHPSESSID=[a-zA-Z0-9,-]{20,}`), masked(`(example_session|XSRF-TOKEN|queued)=[^;]+`),
	masked(`(?i)(expires|max-age)=[^;]+`), dates, masked(`"PHPSESSID":"[^"]+"`),
}

// framework makes the requests of an application that both frameworks have.
func framework(v *visitors) {
	v.t.Helper()
	content := strings.Repeat("\x00\xffx", 5000)
	v.get("/up", 200)
	v.contain("up")
	v.get("/", 200)
	v.contain("Request 1 of process") // anew for each request
	v.get("/", 200)
	v.contain("Request 1 of process")
	v.get("/who", 200)
	v.contain("nobody")
	v.get("/login/anna", 200)
	v.contain("hello anna")
	v.get("/who", 200)
	v.contain("anna")
	v.get("/missing", 404)
	v.get("/index.php/up", 200)
	v.contain("up")
	v.submit("/form?n=7&a[]=1", 200, fixed("p", "q r", "b[]", "1"))
	v.send(http.MethodPost, "/form?a=1", func(heard) (string, string) { return "application/json", `{"b":2}` })
	v.contain("b")
	v.upload("/upload", 200, "file", "photo.bin", content, fixed())
	v.contain(fmt.Sprintf("photo.bin: %x", md5.Sum([]byte(content))))
	v.submit("/upload", 422, fixed())
	v.get("/stream", 200)
	v.contain("data: 1\n\ndata: 2\n\ndata: 3\n\n")
	v.send(http.MethodHead, "/stream", nil)
	v.get("/download", 200)
	v.contain("declare(strict_types=1);")
	v.get("/fail", 500)
	v.get("/up", 200)
}

// TestClassicSymfonyAnswersAsBehindNginx serves the front controller of the Symfony example.
func TestClassicSymfonyAnswersAsBehindNginx(t *testing.T) {
	t.Parallel()
	both := pairing{
		root: absolute(t, "../php/examples/symfony/public"),
		env:  [][2]string{{"APP_ENV", "prod"}, {"APP_DEBUG", "0"}, {"APP_VAR", t.TempDir()}, {"SESSIONS", t.TempDir()}},
	}.start(t)
	v := both.visitors(t, frameworkMasks...)
	framework(v)
	v.get("/visits", 200)
	v.contain("1")
	both.caddy.waitLog("after the response: 1") // kernel.terminate, after fastcgi_finish_request
}

// TestClassicLaravelAnswersAsBehindNginx serves a public/index.php of Laravel.
func TestClassicLaravelAnswersAsBehindNginx(t *testing.T) {
	t.Parallel()
	both := pairing{
		root: absolute(t, "testdata/beside/laravel/public"),
		env:  [][2]string{{"APP_STORAGE", t.TempDir()}},
	}.start(t)
	v := both.visitors(t, frameworkMasks...)
	framework(v)
	v.get("/leave", 500)
	v.get("/left", 200)
}
