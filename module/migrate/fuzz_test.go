package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/migrate/fpmconf"
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// FuzzTranslate gives it any two files: there is no panic, the result is no larger than the input allows, and every
// directive is in the Caddyfile or in a note.
func FuzzTranslate(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.conf")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte("[www]\nlisten = 127.0.0.1:9000\nenv[A] = $B\n"))
		for line := range strings.Lines(string(text)) { // each alone
			f.Add([]byte("server { server_name a.test; root /x; "+strings.TrimSpace(line)+" location ~ \\.php$ { fastcgi_pass 127.0.0.1:9000; } }"), []byte("[www]\npm = static\n"))
		}
		f.Add([]byte("server { location ~ \\.php$ { fastcgi_pass 127.0.0.1:9000; } }"), text)
	}
	f.Fuzz(func(t *testing.T, nginx, fpm []byte) {
		directives, err := nginxconf.Parse("site.conf", nginx)
		if err != nil {
			return
		}
		sections, err := fpmconf.Parse("www.conf", fpm)
		if err != nil {
			return
		}
		result, err := translate(directives, sections)
		if err != nil {
			return
		}
		if n := len(nginx) + len(fpm); len(result.Caddyfile) > 10_000+1000*n {
			t.Errorf("%d bytes became %d", n, len(result.Caddyfile))
		}
		for _, n := range result.Left {
			if n.Text == unknown {
				t.Errorf("of this nothing was said: %v", n)
			}
		}
		if strings.Contains(result.Caddyfile, "\x00") {
			t.Error("a NUL byte has got into the Caddyfile")
		}
	})
}
