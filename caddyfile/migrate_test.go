package caddyfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// What "caddy php-worker migrate" writes is recorded in module/migrate, which knows no Caddy.
func TestMigratedCaddyfilesAdaptAndAreFormatted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../module/migrate/testdata/*/Caddyfile")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d files, error %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": file}); err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, %v", file, err, warnings)
		}
		if got := string(caddyfile.Format(text)); got != string(text) {
			t.Errorf("%s: caddy fmt would make it:\n%s", file, got)
		}
	}
}
