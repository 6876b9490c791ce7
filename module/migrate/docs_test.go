package migrate

import (
	"os"
	"regexp"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/migrate/fpmconf"
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// example is a server, a pool and the Caddyfile for them, as a page shows them.
var example = regexp.MustCompile("(?s)```nginx\n(.*?)```.*?```ini\n(.*?)```.*?```caddyfile\n(.*?)```")

func TestTheDocumentationShowsWhatIsWritten(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	found := example.FindAllStringSubmatch(string(page), -1)
	if len(found) != 2 {
		t.Fatalf("%d examples were found", len(found))
	}
	for _, e := range found {
		directives, err := nginxconf.Parse("site.conf", []byte(e[1]))
		if err != nil {
			t.Fatal(err)
		}
		sections, err := fpmconf.Parse("www.conf", []byte(e[2]))
		if err != nil {
			t.Fatal(err)
		}
		r, err := translate(directives, sections)
		if err != nil || r.Caddyfile != e[3] || len(r.Left) > 0 {
			t.Errorf("%v, left %v, written is:\n%s\nthe page has:\n%s", err, r.Left, r.Caddyfile, e[3])
		}
	}
}
